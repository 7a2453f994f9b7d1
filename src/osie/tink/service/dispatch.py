"""Use cases of the agents: ask for an action, report on it, tell how far it is and what it prints."""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.core.errors import OsieError
from osie.tink.domain import topics
from osie.tink.domain.hardware import canonical_agent
from osie.tink.domain.states import decide, hand_out, own, report, to_be_stopped, undecided
from osie.tink.domain.states_time import Heard, Patience, heard_again
from osie.tink.domain.steps import OutOfTurnError, Step, UnknownActionError
from osie.tink.domain.workflow import ActionState, Turn, Workflow, concerns, current
from osie.tink.files import conditions
from osie.tink.service import check_in
from osie.tink.service.advancing import Advancing
from osie.tink.service.call_limiter import CallLimiter
from osie.tink.service.notifier import Notifier
from osie.tink.service.rewriting import Rewriting
from osie.tink.store import agent_rows, heartbeat_rows, workflow_rows
from osie.tink.store.database import Store
from osie.tink.store.workflow_rows import LogLine

_MESSAGE_CHARACTERS = 16_384
_LINE_CHARACTERS = 8_192
_BOOT_CHARACTERS = 64
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
        rewriting: Rewriting | None = None,
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self.notifier = notifier
        self._now = now
        self._workflows = Advancing(store, notifier, now)
        # Silence is measured as exactly as that, and every exactness is a write.
        self._heard_every_s = (patience or Patience()).silent_after_s / 4
        self._deciding: dict[str, asyncio.Task[None]] = {}
        self.rewriting = rewriting or Rewriting()
        self.limiter = CallLimiter()

    async def names(self, agent_id: str) -> Collection[str]:
        """The ids under which the agent that asks under this one may be meant."""
        async with self._store.read() as connection:
            return (await agent_rows.agent(connection, agent_id)).names

    async def get_action(
        self, agent_id: str, attributes: dict[str, Any] | None = None, boot_id: str = ""
    ) -> tuple[Workflow, Turn]:
        """What the agent shall run now. Raises NoWorkError and OutOfTurnError."""
        boot_id = _boot(boot_id)
        asked = canonical_agent(agent_id)
        while True:
            async with self._store.read() as connection:
                agent = await agent_rows.agent(connection, asked)
                news = await check_in.news(connection, asked, agent.macs, self._now())
                workflow = await agent_rows.oldest(connection, agent.names)
                heard = {} if workflow is None else await heartbeat_rows.of_workflow(connection, workflow.id)
            if news is not None:
                await check_in.note(self._store, self.notifier, news, attributes, self._now())
            if workflow is None:
                raise NoWorkError(f"no workflow for {agent_id}")
            names = agent.names
            await self._hear(workflow, names, heartbeat_rows.latest(heard, names))
            if not agent.may_work:
                raise OutOfTurnError(f"workflow {workflow.name}: the machine's allowWorkflow is false")
            turn = current(workflow)
            if turn is not None and undecided(turn) and set(names) & set(turn.task.agents):
                await self._decided(workflow, turn, asked, attributes)
                continue
            step, turn = hand_out(workflow, names, self._now(), boot_id)
            if step.workflow != workflow:
                step, turn = await self._hand_out(workflow, names, boot_id)
            if turn is not None:
                return step.workflow, replace(turn, action=self.rewriting.of(turn.action))

    async def _hand_out(
        self, seen: Workflow, names: Collection[str], boot_id: str
    ) -> tuple[Step, Turn | None]:
        turns: list[Turn | None] = []

        def event(workflow: Workflow, at: float) -> Step:
            if not concerns(workflow, names):  # it ended meanwhile: the caller looks again
                return Step(workflow)
            step, turn = hand_out(workflow, names, at, boot_id)
            turns.append(turn)
            return step

        step = await self._workflows.advance(seen.namespace, seen.name, event)
        return step or Step(seen), turns[0] if turns else None

    async def _decided(
        self, workflow: Workflow, turn: Turn, agent: str, attributes: dict[str, Any] | None
    ) -> None:
        """Once for all who ask, and to the end even if they give up: a busy host would else never do it."""
        run = turn.action.id
        if run not in self._deciding:
            task = asyncio.create_task(self._decide(workflow, turn, agent, attributes))
            self._deciding[run] = task
            task.add_done_callback(lambda _: self._deciding.pop(run))
        await asyncio.shield(self._deciding[run])

    async def close(self) -> None:
        """Wait for what nobody waits for any more."""
        await self.limiter.close()
        await asyncio.gather(*self._deciding.values(), return_exceptions=True)

    async def _decide(
        self, workflow: Workflow, turn: Turn, agent: str, attributes: dict[str, Any] | None
    ) -> None:
        """Look whether the condition of the action whose turn it is holds."""
        if not attributes:
            async with self._store.read() as connection:
                attributes = await check_in.attributes_of(connection, agent)
        values = conditions.data(workflow, turn.task, attributes)
        verdict = await conditions.evaluate(turn.action.condition, values)
        await self._workflows.advance(
            workflow.namespace,
            workflow.name,
            lambda now, at: decide(now, turn.action.id, holds=verdict.holds, fault=verdict.fault, at=at),
        )

    async def workflow(self, workflow_id: str) -> Workflow:
        """The workflow NAMESPACE/NAME. Raises UnknownActionError."""
        async with self._store.read() as connection:
            return await agent_rows.named(connection, workflow_id)

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
        text = _clean(message, _MESSAGE_CHARACTERS)
        async with self._store.write() as connection:
            names = (await agent_rows.agent(connection, agent_id)).names

            def event(workflow: Workflow, at: float) -> Step:
                own(workflow, names, action_id)
                spoke = heard_again(workflow, names, at)
                told = report(
                    spoke.workflow, names, action_id, state, at, message=text, duration=duration[:64]
                )
                return replace(told, changes=(*spoke.changes, *told.changes))

            step = await self._workflows.step(connection, *agent_rows.split(workflow_id), event)
            if step is None:
                raise UnknownActionError(f"there is no workflow {workflow_id}")
            if step.changes:
                await heartbeat_rows.note(connection, step.workflow.id, names, self._now())
        self._workflows.ring(step)

    async def heartbeat(self, workflow_id: str, agent_id: str, action_id: str) -> tuple[bool, str]:
        """An agent is at an action: (whether it shall give that up, why). Raises NotYoursError."""
        async with self._store.read() as connection:
            names = (await agent_rows.agent(connection, agent_id)).names
            try:
                workflow = await agent_rows.named(connection, workflow_id)
                own(workflow, names, action_id)
            except UnknownActionError as error:
                return True, str(error)
            heard = await heartbeat_rows.of_workflow(connection, workflow.id)
        if not workflow.ended:
            await self._hear(workflow, names, heartbeat_rows.latest(heard, names), action_id)
        why = to_be_stopped(workflow, action_id)
        return bool(why), why

    async def _hear(
        self, workflow: Workflow, names: Collection[str], known: Heard | None, beating: str = ""
    ) -> None:
        """Note that the agent spoke, as far as that is news."""
        at = self._now()
        silent = bool(heard_again(workflow, names, at).changes)
        if not silent and not heartbeat_rows.is_news(known, at, beating, self._heard_every_s):
            return
        async with self._store.write() as connection:
            step = None
            if silent:  # the workflow's lock first, as everywhere
                step = await self._workflows.step(
                    connection,
                    workflow.namespace,
                    workflow.name,
                    lambda now, moment: heard_again(now, names, moment),
                )
            await heartbeat_rows.note(connection, workflow.id, names, at, beating)
        if step is not None:
            self._workflows.ring(step)

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
        self.notifier.ring(topics.workflow(workflow))

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
            for line in lines[-workflow_rows.LOG_LINES :]
        ]
        async with self._store.write() as connection:
            workflow = await _own(connection, workflow_id, agent_id, action_id)
            await workflow_rows.add_logs(connection, workflow.id, action_id, kept)
        self.notifier.ring(topics.workflow(workflow))


async def _own(connection: AsyncConnection, workflow_id: str, agent_id: str, action_id: str) -> Workflow:
    workflow = await agent_rows.named(connection, workflow_id, lock=True)
    own(workflow, (await agent_rows.agent(connection, agent_id)).names, action_id)
    return workflow


def _clean(text: str, most: int) -> str:
    """Text that PostgreSQL takes (no NUL), and of bounded length; its end tells more than its beginning."""
    text = text.replace("\0", "\ufffd")
    return text if len(text) <= most else "..." + text[-most:]


def _boot(told: str) -> str:
    """The id of a boot; "" for what is too long to be one: cut short, it might be another's."""
    return _clean(told, _BOOT_CHARACTERS) if len(told) <= _BOOT_CHARACTERS else ""


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
