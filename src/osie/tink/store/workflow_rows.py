"""Workflows in the store: their state, their events, what their actions printed and how far they are."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain.steps import Step
from osie.tink.domain.workflow import ENDED, Action, ActionState, Cause, State, Task, Workflow
from osie.tink.store.database import insert
from osie.tink.store.tables import action_logs, events, progress, workflow_agents, workflows

LOG_LINES = 10_000  # kept of an action: the last ones

_OUT_OF_QUEUE = (*ENDED, State.PREPARING)  # PREPARING: disabled
_IN_QUEUE = [state for state in State if state not in _OUT_OF_QUEUE]  # an index finds these
_NEXT = 1e-6  # between two places in the queue, which are unix seconds


def encode(workflow: Workflow) -> dict[str, Any]:
    """The workflow as JSON."""
    return asdict(workflow)


def decode(value: dict[str, Any]) -> Workflow:
    """The workflow that `encode` made JSON of, an older Osie's included: what it lacks has its default."""
    tasks = tuple(_task(task) for task in value["tasks"])
    states = {"state": State(value["state"]), "cause": Cause(value.get("cause", ""))}
    return Workflow(**{**value, **states, "tasks": tasks})


def _task(value: dict[str, Any]) -> Task:
    actions = tuple(_action(action) for action in value["actions"])
    return Task(**{**value, "agents": tuple(value["agents"]), "actions": actions})


def _action(value: dict[str, Any]) -> Action:
    lists = {key: tuple(item) for key, item in value.items() if isinstance(item, list)}
    hook = _action(value["hook"]) if value.get("hook") else None
    return Action(**{**value, **lists, "hook": hook, "state": ActionState(value["state"])})


def _row(workflow: Workflow, at: float) -> dict[str, Any]:
    return {
        "state": workflow.state,
        "hardware": workflow.hardware,
        "template": workflow.template,
        "toggle_netboot": workflow.toggle_netboot,
        "document": encode(workflow),
        "updated_at": at,
    }


async def behind(connection: AsyncConnection, at: float) -> float:
    """The next place in the queue: now, or behind whoever waits or runs, if the clock was set back."""
    query = sa.select(sa.func.max(workflows.c.queued_at)).where(workflows.c.state.in_(_IN_QUEUE))
    last = (await connection.execute(query)).scalar()
    return at if last is None else max(at, last + _NEXT)


async def create(connection: AsyncConnection, step: Step, at: float, queued_at: float | None = None) -> None:
    """Store a new workflow and its first events. `queued_at`: its place in its agents' queue, else `at`."""
    workflow = step.workflow
    names = {"id": workflow.id, "namespace": workflow.namespace, "name": workflow.name}
    row = {
        **names,
        **_row(workflow, at),
        "created_at": at,
        "queued_at": at if queued_at is None else queued_at,
    }
    await connection.execute(workflows.insert().values(**row))
    agents = sorted({agent for task in workflow.tasks for agent in task.agents})
    if agents:
        rows = [{"workflow_id": workflow.id, "agent": agent} for agent in agents]
        await connection.execute(workflow_agents.insert(), rows)
    await _record(connection, step)


async def save(connection: AsyncConnection, step: Step, at: float, *, queue: bool = False) -> None:
    """Store a workflow's next state, and its events, together. `queue`: it goes behind its agents' others."""
    query = workflows.update().where(workflows.c.id == step.workflow.id)
    place = {"queued_at": await behind(connection, at)} if queue else {}
    await connection.execute(query.values(**_row(step.workflow, at), **place))
    await _record(connection, step)


async def _record(connection: AsyncConnection, step: Step) -> None:
    rows = [{"workflow_id": step.workflow.id, **asdict(change)} for change in step.changes]
    if rows:
        await connection.execute(events.insert(), rows)


async def delete(connection: AsyncConnection, namespace: str, name: str) -> None:
    """Remove a workflow, with all that belongs to it."""
    columns = workflows.c
    await connection.execute(workflows.delete().where(columns.namespace == namespace, columns.name == name))


async def get(
    connection: AsyncConnection, namespace: str, name: str, *, lock: bool = False
) -> Workflow | None:
    """The workflow, or None. `lock`: no other transaction changes it until this one is over.

    Events of one workflow are only written under its lock, so that their ids come to light in order.
    """
    columns = workflows.c
    query = sa.select(columns.document).where(columns.namespace == namespace, columns.name == name)
    if lock:
        query = query.with_for_update()
    value = (await connection.execute(query)).scalar()
    return None if value is None else decode(value)


async def of_agents(connection: AsyncConnection, agents: Collection[str]) -> list[Workflow]:
    """The open workflows in which any of these ids has a part, in the order of their queue."""
    columns = workflows.c
    mine = sa.select(workflow_agents.c.workflow_id).where(workflow_agents.c.agent.in_(agents))
    query = (
        sa.select(columns.document)
        .where(columns.id.in_(mine), columns.state.not_in(_OUT_OF_QUEUE))
        .order_by(columns.queued_at, columns.id)
    )
    return [decode(value) for value in (await connection.execute(query)).scalars()]


async def last_of_agents(connection: AsyncConnection, agents: Collection[str]) -> Workflow | None:
    """An open workflow in which these ids have a part; where all are over, the one that ended last."""
    columns = workflows.c
    mine = sa.select(workflow_agents.c.workflow_id).where(workflow_agents.c.agent.in_(agents))
    over = sa.case((columns.state.in_(ENDED), 1), else_=0)
    query = sa.select(columns.document).where(columns.id.in_(mine), columns.state != State.PREPARING)
    query = query.order_by(over, columns.updated_at.desc(), columns.id).limit(1)
    value = (await connection.execute(query)).scalar()
    return None if value is None else decode(value)


async def unfinished(connection: AsyncConnection) -> list[Workflow]:
    """Every workflow that has begun and not ended."""
    query = sa.select(workflows.c.document).where(workflows.c.state == State.RUNNING)
    return [decode(value) for value in (await connection.execute(query)).scalars()]


async def naming(
    connection: AsyncConnection, column: str, namespace: str, name: str, *, toggling: bool = False
) -> list[str]:
    """The unfinished workflows of a "hardware" or "template"; `toggling`: only those that do so now."""
    columns = workflows.c
    query = sa.select(columns.name).where(
        columns[column] == name, columns.namespace == namespace, columns.state.not_in(ENDED)
    )
    if toggling:
        query = query.where(columns.toggle_netboot, columns.state != State.PREPARING)
    return list((await connection.execute(query.order_by(columns.name))).scalars())


async def events_after(
    connection: AsyncConnection, workflow_id: str, after: int, limit: int
) -> Sequence[sa.RowMapping]:
    """A workflow's events behind the id `after`, in order."""
    columns = events.c
    query = sa.select(events).where(columns.workflow_id == workflow_id, columns.id > after)
    return (await connection.execute(query.order_by(columns.id).limit(limit))).mappings().all()


@dataclass(frozen=True)
class LogLine:
    """A line that an action printed."""

    sequence: int  # from 1, counted by the worker
    at: float
    stream: str
    text: str


async def add_logs(
    connection: AsyncConnection,
    workflow_id: str,
    action_id: str,
    lines: Sequence[LogLine],
    kept: int = LOG_LINES,
) -> None:
    """Store lines; those that are there already are dropped, and so are the action's oldest but `kept`."""
    rows = [{"workflow_id": workflow_id, "action_id": action_id, **asdict(line)} for line in lines]
    if not rows:
        return
    await connection.execute(insert(connection, action_logs).on_conflict_do_nothing(), rows)
    await _prune_logs(connection, action_id, kept)


async def _prune_logs(connection: AsyncConnection, action_id: str, kept: int) -> None:
    """Drop all but the action's last lines, by their number among those that are there.

    The worker chooses the numbers: one far ahead of the others must cost no more than its own place.
    """
    columns = action_logs.c
    numbers = sa.select(columns.sequence).where(columns.action_id == action_id)
    surplus = numbers.order_by(columns.sequence.desc()).offset(kept).limit(1).scalar_subquery()
    await connection.execute(
        action_logs.delete().where(columns.action_id == action_id, columns.sequence <= surplus)
    )


async def logs_after(
    connection: AsyncConnection, workflow_id: str, action_ids: Collection[str] | None, after: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Lines behind the id `after`, in the order in which they came; of these actions only, if given."""
    columns = action_logs.c
    query = sa.select(action_logs).where(columns.workflow_id == workflow_id, columns.id > after)
    if action_ids is not None:
        query = query.where(columns.action_id.in_(action_ids))
    return (await connection.execute(query.order_by(columns.id).limit(limit))).mappings().all()


async def set_progress(
    connection: AsyncConnection, workflow_id: str, action_id: str, fields: dict[str, Any]
) -> None:
    """Replace what is known of an action's progress."""
    row = {"workflow_id": workflow_id, "action_id": action_id, **fields}
    await connection.execute(
        insert(connection, progress)
        .values(**row)
        .on_conflict_do_update(index_elements=["action_id"], set_=fields)
    )


async def progress_of(connection: AsyncConnection, workflow_ids: Collection[str]) -> dict[str, sa.RowMapping]:
    """The latest progress of these workflows' actions, by the action's id."""
    query = sa.select(progress).where(progress.c.workflow_id.in_(workflow_ids))
    return {row["action_id"]: row for row in (await connection.execute(query)).mappings()}
