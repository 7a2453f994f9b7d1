"""A question for which there is no action waits, and whatever may change that rings for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from osie.contracts import tink_pb2
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.steps import OutOfTurnError, TooEarlyError
from osie.tink.domain.workflow import ActionState
from osie.tink.grpc.agent_service import Services
from osie.tink.service import notify_listener
from osie.tink.service.dispatch import NoWorkError
from osie.tink.service.long_poll import LongPoll
from osie.tink.service.notifier import Notifier, wait
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

from .conftest import MAC, OTHER_MAC, Clock, manifests

LONG_S = 3600.0
SOON_S = 30  # far below it, however busy the host
TWO_TASKS = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: install}
spec:
  data: |
    version: "0.1"
    name: install
    tasks:
      - {name: first, worker: "{{ .device_1 }}", actions: [{name: a, image: i}]}
      - {name: second, worker: "52:54:00:00:00:02", actions: [{name: b, image: i, retries: 1}]}
"""
HARDWARE, TEMPLATE, INSTALL = manifests()
WORKFLOW = Ref(Kind.WORKFLOW, "default", "install-m1")


def question(agent: str) -> tink_pb2.ActionRequest:
    """What an agent asks with; it may write its hardware address otherwise than the template does."""
    return tink_pb2.ActionRequest(agent_id=agent.upper().replace(":", "-") if ":" in agent else agent)


class Room:
    """A long poll at the engine's limiter, and which questions the limiter has had."""

    def __init__(self, tink: Tink) -> None:
        self._services = Services(tink.agents)
        self.looked = asyncio.Event()
        self.looks = 0
        self._room = LongPoll(tink.agents.limiter, tink.notifier, tink.agents.names, LONG_S)

    async def _call(self, request: tink_pb2.ActionRequest) -> Any:
        self.looks += 1
        try:
            return await self._services.get_action(request)
        finally:
            self.looked.set()

    async def ask(self, mac: str) -> Any:
        """Until it is answered."""
        async with asyncio.timeout(SOON_S):
            return await self._room.serve(self._call, question(mac))

    async def waits(self, mac: str) -> "asyncio.Task[Any]":
        """The question, once it was looked at."""
        self.looked.clear()
        asking = asyncio.create_task(self.ask(mac))
        await self.looked.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not asking.done()
        return asking


@pytest.fixture
async def room(tink: Tink) -> AsyncIterator[Room]:
    """The room; what still waits at the end is sent away."""
    yield Room(tink)
    tink.end_streams()


async def _report(tink: Tink, mac: str, state: ActionState) -> None:
    workflow, turn = await tink.agents.get_action(mac)
    await tink.agents.report(f"{workflow.namespace}/{workflow.name}", mac, turn.action.id, state)


async def _shut(tink: Tink) -> None:
    name, text = HARDWARE
    await tink.resources.apply(
        [(name, text.replace("allowWorkflow: true", "allowWorkflow: false")), TEMPLATE, INSTALL]
    )


async def _two_tasks(tink: Tink) -> None:
    await tink.resources.apply(
        [*manifests("m2", OTHER_MAC, "10.0.0.2")[:1], HARDWARE, ("t", TWO_TASKS), INSTALL]
    )


async def _failed(tink: Tink) -> None:
    await tink.resources.apply(manifests())
    await _report(tink, MAC, ActionState.FAILED)


async def _blocked(tink: Tink) -> None:
    await _two_tasks(tink)
    own = manifests("m2", OTHER_MAC, "10.0.0.2")
    text = TWO_TASKS.replace("name: install", "name: other", 1).replace("{{ .device_1 }}", OTHER_MAC)
    flow = own[2][1].replace("templateRef: install", "templateRef: other")
    await tink.resources.apply([("t", text), ("w", flow)])


async def _two_tasks_and_a_name(tink: Tink) -> None:
    """The template names the second machine by its hardware address; its worker asks by another name."""
    await _two_tasks(tink)
    name, text = manifests("m2", OTHER_MAC, "10.0.0.2")[0]
    await tink.resources.apply([(name, text.replace("spec:\n", "spec:\n  agentID: rack-7\n"))])


Deed = Callable[[Tink], Coroutine[Any, Any, object]]


DEEDS = pytest.mark.parametrize(
    ("mac", "before", "deed", "expected"),
    [
        pytest.param(
            MAC, None, lambda tink: tink.resources.apply(manifests()), "write", id="workflow applied"
        ),
        pytest.param(MAC, _shut, lambda tink: tink.resources.apply([HARDWARE]), "write", id="machine opened"),
        pytest.param(
            OTHER_MAC, _two_tasks, lambda tink: _report(tink, MAC, ActionState.SUCCESS), "b", id="its turn"
        ),
        pytest.param(
            "rack-7",
            _two_tasks_and_a_name,
            lambda tink: _report(tink, MAC, ActionState.SUCCESS),
            "b",
            id="its turn by another name",
        ),
        pytest.param(MAC, _failed, lambda tink: tink.operations.retry(WORKFLOW), "write", id="retried"),
        pytest.param(MAC, _failed, lambda tink: tink.operations.run_again(WORKFLOW), "write", id="run again"),
        pytest.param(
            OTHER_MAC,
            _blocked,
            lambda tink: tink.operations.cancel(WORKFLOW),
            "a",
            id="first in queue cancelled",
        ),
        pytest.param(
            OTHER_MAC,
            _blocked,
            lambda tink: tink.resources.delete(WORKFLOW),
            "a",
            id="first in queue deleted",
        ),
    ],
)


async def _hears(tink: Tink) -> None:
    """Return once an announcement reaches the server; until it listens none does."""
    with tink.notifier.listening("probe") as bell:
        async with asyncio.timeout(SOON_S):
            while not await wait(bell, 0.05):
                async with tink.store.write() as connection:
                    await notify_listener.announce(connection, ["probe"])


async def _quiet(tink: Tink) -> None:
    """Return once nothing announced so far can still ring: announcements keep their order."""
    if tink.store.shared:
        await _hears(tink)


@DEEDS
async def test_it_is_told_to_ask_again(
    tink: Tink, room: Room, mac: str, before: Deed | None, deed: Deed, expected: str
) -> None:
    """Each thing that gives an agent work ends its waiting; the next question gets the action."""
    if before is not None:
        await before(tink)
        await _quiet(tink)
    waiting = await room.waits(mac)
    await deed(tink)
    with pytest.raises((NoWorkError, OutOfTurnError)):
        await waiting
    assert room.looks == 1  # an old question is handed nothing
    assert (await room.ask(mac)).name == expected


async def test_a_name_that_it_gets_while_it_waits_is_its_own(tink: Tink, room: Room) -> None:
    """An agent that no Hardware had waits; the one that names it rings, and so does then its work there."""
    await _two_tasks(tink)
    waiting = await room.waits("rack-7")
    name, text = manifests("m2", OTHER_MAC, "10.0.0.2")[0]
    await tink.resources.apply([(name, text.replace("spec:\n", "spec:\n  agentID: rack-7\n"))])
    with pytest.raises(NoWorkError):
        await waiting
    waiting = await room.waits("rack-7")
    await _report(tink, MAC, ActionState.SUCCESS)
    with pytest.raises(OutOfTurnError):
        await waiting


def test_a_bell_that_nobody_hears_is_hung_up_nowhere() -> None:
    """Listening ends with its block: what is added then is dropped, or the notifier would grow."""
    notifier = Notifier()
    with notifier.listening("one") as bell:
        notifier.also(bell, "one", "two")
        notifier.ring("two")
        assert bell.is_set()
    bell.clear()
    notifier.also(bell, "three")
    notifier.ring("one", "two", "three")
    assert not bell.is_set()


@pytest.fixture
async def other(url: str, tink: Tink, clock: Clock) -> AsyncIterator[Tink]:
    """A second server on the same store."""
    store = await Store.open(url)
    async with Tink(store, tick_s=3600, now=clock) as made:
        await _hears(tink)
        yield made
    await store.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@DEEDS
async def test_what_another_server_did_rings_too(
    tink: Tink, other: Tink, room: Room, mac: str, before: Deed | None, deed: Deed, expected: str
) -> None:
    """Whichever server it is done at."""
    if before is not None:
        await before(other)
        await _quiet(tink)
    waiting = await room.waits(mac)
    await deed(other)
    with pytest.raises((NoWorkError, OutOfTurnError)):
        await waiting
    assert (await room.ask(mac)).name == expected


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_lost_database_is_listened_to_again(tink: Tink) -> None:
    """The connection on which other servers are heard is made anew."""
    await _hears(tink)
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'LISTEN osie_bells'"
    async with tink.store.write() as connection:
        assert (await connection.exec_driver_sql(end)).scalar_one() == 1
    await _hears(tink)


async def test_others_work_wakes_nobody(tink: Tink, room: Room) -> None:
    """What happens to other machines does not concern it."""
    waiting = await room.waits(OTHER_MAC)
    await tink.resources.apply(manifests())
    await _report(tink, MAC, ActionState.RUNNING)
    await _report(tink, MAC, ActionState.SUCCESS)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()


async def test_a_server_that_ends_keeps_nobody(tink: Tink, room: Room) -> None:
    """Who waits is answered when the server ends, and who asks then is answered at once."""
    waiting = await room.waits(MAC)
    tink.end_streams()
    with pytest.raises(NoWorkError):
        await waiting
    with pytest.raises(NoWorkError):
        await room.ask(MAC)


async def test_what_the_clock_ends_is_not_waited_for(tink: Tink, room: Room) -> None:
    """Before the next attempt the answer comes at once, since nobody rings when its time has come."""
    await _two_tasks(tink)
    await _report(tink, MAC, ActionState.SUCCESS)
    await _report(tink, OTHER_MAC, ActionState.FAILED)
    with pytest.raises(TooEarlyError, match="attempt 2 of b begins in"):
        await room.ask(OTHER_MAC)


@pytest.mark.parametrize("chance", [0.0, 1.0])
async def test_it_waits_no_longer_than_that(tink: Tink, chance: float) -> None:
    """With nobody ringing the time is the one given, or by chance down to half of it."""
    room = LongPoll(tink.agents.limiter, tink.notifier, tink.agents.names, 0.2, chance=lambda: chance)
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoWorkError):
        await room.serve(Services(tink.agents).get_action, question(MAC))
    assert asyncio.get_running_loop().time() - began >= 0.2 * (1 - chance / 2)
