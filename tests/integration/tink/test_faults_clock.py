"""The server's clock is set, by a day, while workflows run: only time that passed counts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.states_time import Patience
from osie.tink.domain.steps import OutOfTurnError
from osie.tink.domain.workflow import ActionState, Cause, State, Turn, Workflow
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

from .conftest import MAC, Clock, manifests

ID = "default/install-m1"
TICK_S = 5
DAY_S = 86_400
Said = Callable[[], Awaitable[None]]
JUMPS = pytest.mark.parametrize(
    "jumps", [(DAY_S,), (-DAY_S,), (DAY_S, -DAY_S), (-DAY_S, DAY_S), (-DAY_S, 2 * DAY_S)], ids=str
)


class Server:
    """An engine whose two clocks the test moves, with a tick every 5 s of them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = clock
        self._steady = 0.0
        patience = Patience(on_silence="fail", silent_fail_after_s=300)
        self.tink = Tink(store, patience=patience, tick_s=3600, now=clock, steady=lambda: self._steady)

    async def passes(self, seconds: int, said: Said | None = None) -> None:
        """So much time passes; `said`: what the worker says in each tick."""
        for _ in range(0, seconds, TICK_S):
            self._go(TICK_S)
            if said is not None:
                await said()
            await self.tink.tick()

    async def is_set(self, jumps: tuple[int, ...], said: Said | None = None) -> None:
        """The clock is set, amid two ticks and half a minute apart."""
        for jump_s in jumps:
            self._go(2)
            self.clock.at += jump_s
            await self.passes(30, said)

    def _go(self, seconds: int) -> None:
        self.clock.at += seconds
        self._steady += seconds

    async def ask(self) -> Turn:
        """What the machine shall run."""
        _, turn = await self.tink.agents.get_action(MAC)
        return turn

    async def tell(self, turn: Turn, state: ActionState) -> None:
        """The machine reports."""
        await self.tink.agents.report(ID, MAC, turn.action.id, state)

    async def workflow(self) -> Workflow:
        """The workflow as it is stored."""
        return await Queries(self.tink.store).workflow(Ref(Kind.WORKFLOW, "default", "install-m1"))


@pytest.fixture
async def server(store: Store, clock: Clock) -> AsyncIterator[Server]:
    """A server with a workflow whose first action has 300 s, and two more attempts after 100 and 200 s."""
    made = Server(store, clock)
    hardware, (name, text), workflow = manifests()
    timing = "timeout: 300\n            retries: 2\n            retry-backoff: 100"
    async with made.tink:
        await made.tink.resources.apply([hardware, (name, text.replace("timeout: 60", timing)), workflow])
        yield made


@JUMPS
@pytest.mark.parametrize("began_s", [0, 30])
async def test_while_an_action_runs(server: Server, jumps: tuple[int, ...], began_s: int) -> None:
    """It has its timeout and a grace of 60 s as they pass, no less; counted from the last jump at most."""
    turn = await server.ask()
    await server.tell(turn, ActionState.RUNNING)
    await server.passes(began_s)
    await server.is_set(jumps)
    await server.passes(350 - began_s - 32 * len(jumps))
    assert (await server.workflow()).tasks[0].actions[0].attempt == 1
    await server.passes(50 + began_s + 32 * len(jumps))
    late = (await server.workflow()).tasks[0].actions[0]
    assert (late.state, late.attempt) == (ActionState.PENDING, 2)


@JUMPS
async def test_while_an_attempt_waits(server: Server, jumps: tuple[int, ...]) -> None:
    """The worker that asks gets it when the backoff has passed, or earlier; it isn't silent meanwhile."""
    await server.tell(await server.ask(), ActionState.FAILED)
    asked: list[Turn] = []

    async def asks() -> None:
        with suppress(OutOfTurnError):
            asked.append(await server.ask())

    await server.passes(30, asks)
    assert not asked
    await server.is_set(jumps, asks)
    assert (await server.workflow()).silent_since is None
    await server.passes(70, asks)
    again = asked[0]
    assert again.action.attempt == 2
    await server.tell(again, ActionState.RUNNING)
    await server.tell(again, ActionState.SUCCESS)
    assert (await server.workflow()).tasks[0].actions[0].state is ActionState.SUCCESS


@JUMPS
async def test_a_worker_that_never_comes_back(server: Server, jumps: tuple[int, ...]) -> None:
    """Its silence is counted from its last word or from the last jump, and ends what it was to do."""
    await server.tell(await server.ask(), ActionState.FAILED)
    await server.is_set(jumps)
    await server.passes(200)
    assert (await server.workflow()).state is State.RUNNING
    await server.passes(300)
    ended = await server.workflow()
    assert (ended.state, ended.cause) == (State.FAILED, Cause.SILENT)


@JUMPS
async def test_a_worker_that_is_heard(server: Server, jumps: tuple[int, ...]) -> None:
    """One whose heartbeats come is not silent, right after a jump neither; once they stop, it is."""
    turn = await server.ask()
    await server.tell(turn, ActionState.RUNNING)

    async def beats() -> None:
        await server.tink.agents.heartbeat(ID, MAC, turn.action.id)

    await server.passes(30, beats)
    await server.is_set(jumps, beats)
    workflow = await server.workflow()
    assert (workflow.state, workflow.silent_since) == (State.RUNNING, None)
    await server.passes(310)
    assert (await server.workflow()).cause is Cause.SILENT
