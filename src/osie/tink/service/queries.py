"""What the HTTP API reads: pages of resources, workflows and machines, as the views show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain import nearby, netboot, views
from osie.tink.domain.errors import MissingError
from osie.tink.domain.explain import Hindrances
from osie.tink.domain.resources import Kind, Ref, Resource
from osie.tink.domain.views import Json
from osie.tink.domain.workflow import Turn, Workflow, runs
from osie.tink.store import agent_rows, journal, list_rows, nearby_rows, resource_rows, workflow_rows
from osie.tink.store.database import Store
from osie.tink.store.list_rows import Wanted, WantedWorkflows
from osie.tink.store.tables import action_logs


@dataclass(frozen=True)
class Page:
    """Part of a list; `after` is the key of its last item, None where the list ends here."""

    items: list[Json]
    after: tuple[str, ...] | None


class Queries:
    """Reads only; each answer shows one state of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def resource(self, ref: Ref) -> Json:
        """One resource; a workflow with its status. Raises MissingError."""
        async with self._store.read() as connection:
            found = await resource_rows.get(connection, ref)
            if found is None:
                raise await _missing(connection, ref)
            if ref.kind is not Kind.WORKFLOW:
                return views.resource(found)
            workflow = await _workflow(connection, ref)
            return (await _shown(connection, [(found, workflow)]))[0]

    async def resources(self, kind: Kind, wanted: Wanted, after: tuple[str, str], limit: int) -> Page:
        """Hardware or templates."""
        async with self._store.read() as connection:
            found = await list_rows.page(connection, kind, wanted, after, limit + 1)
        last = found[limit - 1].ref if len(found) > limit else None
        items = [views.resource(item) for item in found[:limit]]
        return Page(items, None if last is None else (last.namespace, last.name))

    async def workflows(self, wanted: WantedWorkflows, after: tuple[str, str], limit: int) -> Page:
        """Workflows with their status."""
        async with self._store.read() as connection:
            found = await list_rows.workflow_page(connection, wanted, after, limit + 1)
            items = await _shown(connection, found[:limit])
        last = found[limit - 1][0].ref if len(found) > limit else None
        return Page(items, None if last is None else (last.namespace, last.name))

    async def workflow(self, ref: Ref) -> Workflow:
        """The workflow's state. Raises MissingError."""
        async with self._store.read() as connection:
            return await _workflow(connection, ref)

    async def events(self, workflow: Workflow, after: int, limit: int) -> list[Json]:
        """Changes of state behind the id `after`."""
        async with self._store.read() as connection:
            rows = await workflow_rows.events_after(connection, workflow.id, after, limit)
        return [views.event(row, workflow.name) for row in rows]

    async def logs(self, workflow: Workflow, action: str | None, after: int, limit: int) -> list[Json]:
        """Lines behind the id `after`; of the action with this name or id only, if given."""
        names = {key: (task, name) for key, task, name in runs(workflow)}
        wanted = None if action is None else runs_of(workflow, action)
        async with self._store.read() as connection:
            rows = await workflow_rows.logs_after(connection, workflow.id, wanted, after, limit)
        return [views.log_line(row, names) for row in rows]

    async def hindrances(self, workflow: Workflow, turn: Turn) -> Hindrances:
        """What may keep the agent whose turn it is from its action."""
        async with self._store.read() as connection:
            agent = await agent_rows.agent(connection, turn.task.agents[0])
            machine = await resource_rows.hardware_of_agent(connection, turn.task.agents[0])
            names = agent.names | set(turn.task.agents)
            first = await agent_rows.oldest(connection, names)
            seen = await journal.get(connection, names)
            last = await journal.last_events(connection, names)
        told = None if machine is None else netboot.with_netboot(machine.spec, machine.netboot)
        return Hindrances(
            hardware="" if machine is None else machine.ref.name,
            ahead="" if first is None or first.id == workflow.id else f"{first.namespace}/{first.name}",
            may_work=agent.may_work,
            netboots=told is None or any(each.allow_pxe for each in netboot.interfaces(told)),
            seen_at=max((row["last_seen"] for row in seen.values()), default=None),
            no_address="" if machine is None else _no_address(machine, last.values()),
        )

    async def last_lines(self, workflow: Workflow, action_ids: Sequence[str], count: int) -> list[str]:
        """The last lines of these runs, oldest first."""
        columns = action_logs.c
        query = (
            sa.select(columns.text)
            .where(columns.workflow_id == workflow.id, columns.action_id.in_(action_ids))
            .order_by(columns.id.desc())
            .limit(count)
        )
        async with self._store.read() as connection:
            return list((await connection.execute(query)).scalars())[::-1]

    async def machines(self, *, known: bool | None, prefix: str, behind: str, limit: int) -> Page:
        """Machines by hardware address: those that were seen, and those of every Hardware."""
        async with self._store.read() as connection:
            macs = await list_rows.machine_page(
                connection, known=known, prefix=prefix, behind=behind, limit=limit + 1
            )
            items = await _machines(connection, macs[:limit])
        return Page(items, (macs[limit - 1],) if len(macs) > limit else None)

    async def machine(self, mac: str) -> Json:
        """One machine. Raises MissingError where it was neither seen nor described."""
        async with self._store.read() as connection:
            found = (await _machines(connection, [mac]))[0]
        if found["firstSeen"] is None and not found["known"]:
            raise MissingError(f"no machine {mac} was seen, and no Hardware has it")
        return found

    async def machine_rows(
        self, table: sa.Table, mac: str, after: int, limit: int
    ) -> Sequence[sa.RowMapping]:
        """Rows of the machine's events or log."""
        async with self._store.read() as connection:
            return await journal.after(connection, table, mac, after, limit)


def _no_address(machine: Resource, last: Iterable[sa.RowMapping]) -> str:
    """Why DHCP had none for the machine, by its last events; the Hardware may have another one since."""
    event = max(last, key=lambda row: row["id"], default=None)
    if event is None or event["event"] != "dhcp_refused":
        return ""
    address, reason = (str(event["fields"].get(name, "")) for name in ("address", "reason"))
    has_it = any(each.address == address for each in netboot.interfaces(machine.spec))
    return f"{reason} ({address} in Hardware {machine.ref.name})" if has_it else ""


def runs_of(workflow: Workflow, action: str) -> list[str]:
    """The ids of the runs of what has this name, TASK/NAME or id. Raises MissingError with the names."""
    found = [key for key, task, name in runs(workflow) if action in (key, name, f"{task}/{name}")]
    if not found:
        there = [(task.name, each.name) for task in workflow.tasks for each in task.actions]
        names = [name for _, name in there]
        told = [f"{task}/{name}" if names.count(name) > 1 else name for task, name in there]
        raise MissingError(f"workflow {workflow.name} has no action {action}; it has {', '.join(told)}")
    return found


def runs_of_turn(workflow: Workflow, turn: Turn) -> list[str]:
    """The ids of the runs, then and now, of the action or hook whose turn it is."""
    return [key for key, task, name in runs(workflow) if (task, name) == (turn.task.name, turn.action.name)]


async def _workflow(connection: AsyncConnection, ref: Ref) -> Workflow:
    found = await workflow_rows.get(connection, ref.namespace, ref.name)
    if found is None:
        raise await _missing(connection, ref)
    return found


async def _missing(connection: AsyncConnection, ref: Ref) -> MissingError:
    return MissingError(f"there is no {ref}{nearby.hint(ref, await nearby_rows.candidates(connection, ref))}")


async def _shown(connection: AsyncConnection, found: Sequence[tuple[Resource, Workflow]]) -> list[Json]:
    progress: dict[str, Any] = await workflow_rows.progress_of(connection, [item.id for _, item in found])
    return [views.workflow(resource, item, progress) for resource, item in found]


async def _machines(connection: AsyncConnection, macs: Sequence[str]) -> list[Json]:
    seen = await journal.get(connection, macs)
    last = await journal.last_events(connection, macs)
    owners = await resource_rows.owners(connection, [("agent", mac) for mac in macs])
    named = {mac: owners.get(("agent", mac)) for mac in macs}
    return [
        views.machine(mac, seen.get(mac), ref.name if (ref := named[mac]) else None, last.get(mac))
        for mac in macs
    ]
