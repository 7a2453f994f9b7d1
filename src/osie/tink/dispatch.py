"""Use cases of the agents: ask for an action, report on it, tell how far it is and what it prints."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.core.errors import OsieError
from osie.tink import hardware, journal, resource_rows, workflow_rows
from osie.tink.applying import HARDWARE, release_netboot, topic
from osie.tink.hardware import HardwareSpec, canonical_agent
from osie.tink.notifier import Notifier
from osie.tink.states import (
    NotYoursError,
    OutOfTurnError,
    Step,
    UnknownActionError,
    booted,
    expire,
    hand_out,
    report,
)
from osie.tink.store import Store
from osie.tink.workflow import Action, ActionState, State, Turn, Workflow, concerns, find
from osie.tink.workflow_rows import LogLine

_SEEN_EVERY_S = 30.0  # how exact a machine's "last seen" is, while its worker only asks
_MESSAGE_CHARACTERS = 16_384
_LINE_CHARACTERS = 8_192
_MOST = 2**63 - 1  # what the store's integers hold


class NoWorkError(OsieError):
    """There is no unfinished workflow for the agent."""


class Dispatch:
    """Runs the state machine on what agents say, each step and its events in one transaction."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        *,
        rewrite_images: Mapping[str, str] | None = None,
        require_verified: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._now = now
        self._policy = {"REQUIRE_VERIFIED": "true"} if require_verified else {}
        # The longest prefix first: the most specific rule wins.
        self._rewrites = sorted((rewrite_images or {}).items(), key=lambda rule: -len(rule[0]))

    async def get_action(
        self, agent_id: str, attributes: dict[str, Any] | None = None
    ) -> tuple[Workflow, Turn]:
        """What the agent shall run now. Raises NoWorkError and states.OutOfTurnError."""
        agent = canonical_agent(agent_id)
        await self._greet(agent, attributes)
        while True:
            async with self._store.read() as connection:
                names = await _names(connection, agent)
                workflow = await _oldest(connection, names)
                allowed = await _may_work(connection, agent)
            if workflow is None:
                raise NoWorkError(f"no workflow for {agent_id}")
            if not allowed:
                raise OutOfTurnError(f"workflow {workflow.name}: the machine's allowWorkflow is false")
            step, turn = hand_out(workflow, names, self._now())
            if step.workflow != workflow:
                step, turn = await self._hand_out(workflow, names)
            if turn is not None:
                return step.workflow, replace(turn, action=self._rewritten(turn))

    async def _hand_out(self, seen: Workflow, names: set[str]) -> tuple[Step, Turn | None]:
        at = self._now()
        async with self._store.write() as connection:
            workflow = await workflow_rows.get(connection, seen.namespace, seen.name, lock=True)
            if workflow is None or not concerns(workflow, names):
                return Step(seen), None  # it ended meanwhile: look again
            step, turn = hand_out(workflow, names, at)
            await _save(connection, step, at)
        self._ring(step)
        return step, turn

    def _rewritten(self, turn: Turn) -> Action:
        """The action as the server's config wants it: its image's place, and what no template may unsay."""
        action = turn.action
        kept = [entry for entry in action.environment if entry.partition("=")[0] not in self._policy]
        added = [f"{name}={value}" for name, value in self._policy.items()]
        action = replace(action, environment=(*kept, *added))
        for prefix, instead in self._rewrites:
            if action.image.startswith(prefix):
                return replace(action, image=instead + action.image.removeprefix(prefix))
        return action

    async def report(
        self,
        workflow_id: str,
        agent_id: str,
        action_id: str,
        state: ActionState,
        *,
        message: str = "",
        duration: str = "",
    ) -> None:
        """An agent says what became of an action. Raises the errors of states.report."""
        at, text = self._now(), _clean(message, _MESSAGE_CHARACTERS)
        async with self._store.write() as connection:
            workflow = await _named(connection, workflow_id, lock=True)
            names = await _names(connection, canonical_agent(agent_id))
            step = report(workflow, names, action_id, state, at, message=text, duration=duration[:64])
            if step.changes:
                await _save(connection, step, at)
        self._ring(step)

    async def progress(
        self, workflow_id: str, agent_id: str, action_id: str, fields: Mapping[str, Any]
    ) -> None:
        """How far an action is: replaces what was known."""
        total, eta = fields["total"], fields["eta_s"]
        row = {
            "at": self._now(),
            "phase": _clean(fields["phase"], 64),
            "done": min(fields["done"], _MOST),
            "total": None if total is None else min(total, _MOST),
            "unit": _clean(fields["unit"], 64),
            "rate_per_s": _finite(fields["rate_per_s"]) or 0.0,
            "eta_s": None if eta is None else _finite(eta),
        }
        async with self._store.write() as connection:
            workflow = await _own(connection, workflow_id, agent_id, action_id)
            await workflow_rows.set_progress(connection, workflow.id, action_id, row)
        self._notifier.ring(topic(workflow))

    async def logs(self, workflow_id: str, agent_id: str, action_id: str, lines: Sequence[LogLine]) -> None:
        """What an action printed; lines that came before are dropped."""
        at = self._now()
        kept = [
            LogLine(
                min(line.sequence, _MOST),
                _finite(line.at) or at,
                line.stream[:10],
                _clean(line.text, _LINE_CHARACTERS),
            )
            for line in lines
        ]
        async with self._store.write() as connection:
            workflow = await _own(connection, workflow_id, agent_id, action_id)
            await workflow_rows.add_logs(connection, workflow.id, action_id, kept)
        self._notifier.ring(topic(workflow))

    async def machine_booted(self, mac: str) -> None:
        """The machine started anew: a reboot that was handed out to its worker is done."""
        agent = canonical_agent(mac)
        async with self._store.read() as connection:
            names = await _names(connection, agent)
            seen = await _oldest(connection, names)
        if seen is None or not booted(seen, names, self._now()).changes:
            return
        await self._advance(seen, lambda workflow, at: booted(workflow, names, at))

    async def expire(self, serving_since: float) -> None:
        """End every workflow that is overdue."""
        async with self._store.read() as connection:
            running = await workflow_rows.unfinished(connection)
        for seen in running:
            if expire(seen, self._now(), serving_since).changes:
                await self._advance(seen, lambda workflow, at: expire(workflow, at, serving_since))

    async def _advance(self, seen: Workflow, event: Callable[[Workflow, float], Step]) -> None:
        at = self._now()
        async with self._store.write() as connection:
            workflow = await workflow_rows.get(connection, seen.namespace, seen.name, lock=True)
            if workflow is None:
                return
            step = event(workflow, at)
            await _save(connection, step, at)
        self._ring(step)

    async def _greet(self, agent: str, attributes: dict[str, Any] | None) -> None:
        """Journal the first question after each boot, and now and then that the machine is alive."""
        at = self._now()
        async with self._store.read() as connection:
            mac, news = await _news(connection, agent, at)
        if mac is None or not news:
            return
        async with self._store.write() as connection:
            await journal.see(connection, mac, at, attributes)  # locks: of two that ask at once, one is first
            _, news = await _news(connection, agent, at)
            if news == "worker_up":
                await journal.add_event(connection, mac, "worker_up", {"agent": agent}, at)
        self._notifier.ring(f"machine:{mac}")

    def _ring(self, step: Step) -> None:
        if step.changes:
            self._notifier.ring(topic(step.workflow))
            if step.workflow.ended:
                self._notifier.ring(HARDWARE)


async def _names(connection: AsyncConnection, agent: str) -> set[str]:
    """Every id of the machine that asks as `agent`."""
    machine = await resource_rows.hardware_of_agent(connection, agent)
    known = () if machine is None else hardware.agents(HardwareSpec.model_validate(machine.spec))
    return {agent, *known}


async def _may_work(connection: AsyncConnection, agent: str) -> bool:
    machine = await resource_rows.hardware_of_agent(connection, agent)
    return machine is None or hardware.may_work(HardwareSpec.model_validate(machine.spec))


async def _oldest(connection: AsyncConnection, names: set[str]) -> Workflow | None:
    mine = await workflow_rows.of_agents(connection, names)
    return next((workflow for workflow in mine if concerns(workflow, names)), None)


async def _named(connection: AsyncConnection, workflow_id: str, *, lock: bool = False) -> Workflow:
    namespace, _, name = workflow_id.rpartition("/")
    workflow = await workflow_rows.get(connection, namespace or "default", name, lock=lock)
    if workflow is None:
        raise UnknownActionError(f"there is no workflow {workflow_id}")
    return workflow


async def _own(connection: AsyncConnection, workflow_id: str, agent_id: str, action_id: str) -> Workflow:
    workflow = await _named(connection, workflow_id, lock=True)
    turn = find(workflow, action_id)
    if turn is None:
        raise UnknownActionError(f"workflow {workflow_id}: no action {action_id}")
    if not set(turn.task.agents) & await _names(connection, canonical_agent(agent_id)):
        raise NotYoursError(f"workflow {workflow_id}: action {turn.action.name} is another agent's")
    return workflow


async def _save(connection: AsyncConnection, step: Step, at: float) -> None:
    await workflow_rows.save(connection, step, at)
    if step.changes and step.workflow.state is State.SUCCESS and step.workflow.toggle_netboot:
        await release_netboot(connection, step.workflow, False, at)


async def _news(connection: AsyncConnection, agent: str, at: float) -> tuple[str | None, str]:
    """The machine's hardware address, and what is to be journaled: "worker_up", "alive" or nothing."""
    machine = await resource_rows.hardware_of_agent(connection, agent)
    macs = () if machine is None else hardware.macs(HardwareSpec.model_validate(machine.spec))
    if agent not in macs and agent.count(":") == 5:
        macs = (agent, *macs)
    if not macs:
        return None, ""
    last = await journal.last_of(connection, macs, ("ipxe_script", "worker_up"))
    mac = agent if agent in macs else last["mac"] if last else macs[0]
    if last is None or last["event"] != "worker_up":
        return mac, "worker_up"
    row = (await journal.get(connection, [mac])).get(mac)
    return mac, "alive" if row is None or at - row["last_seen"] > _SEEN_EVERY_S else ""


def _clean(text: str, most: int) -> str:
    """Text that PostgreSQL takes (no NUL), and of bounded length; its end tells more than its beginning."""
    text = text.replace("\0", "\ufffd")
    return text if len(text) <= most else "..." + text[-most:]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
