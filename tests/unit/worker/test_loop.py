"""The loop's order and its ways to stop, with fakes at its ports."""

import asyncio
from collections.abc import Sequence

import pytest

from osie.contracts.action_events import Progress
from osie.worker import telemetry as relays
from osie.worker.action import Action, Exhausted, LogLine, Outcome, Refused, Report, Run, State, Unreachable
from osie.worker.loop import Stop, Stopped, Worker


def action(name: str) -> Action:
    """An action."""
    return Action("w", "t", "a", name, name, f"image-{name}")


class World:
    """All ports in one, and what was done to them in order."""

    def __init__(self, *actions: Action | Exception | None, leftovers: Sequence[Action] = ()) -> None:
        self.told: list[str] = []
        self.kept: list[str] = []
        self._actions = list(actions)
        self._leftovers = leftovers
        self.refuse: Exception | None = None
        self.failures: list[Exception] = []
        self.running = asyncio.Event()
        self.end = asyncio.Event()
        self.end.set()
        self.beats = 0
        self.beaten = asyncio.Event()
        self.unwanted: dict[str, str] = {}
        self.heartbeat_fails: Exception | None = None
        self.uptime_s = 0.0
        self.held_s = 0.0  # how long each question is held, by that clock
        self.open = asyncio.Event()  # for answers
        self.open.set()

    async def next(self) -> Action | None:
        """Source."""
        await self.open.wait()
        self.uptime_s += self.held_s
        if not self._actions:
            raise Exhausted
        given = self._actions.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    async def write(self, report: Report) -> None:
        """Sink."""
        if self.failures:
            raise self.failures.pop(0)
        self.told.append(f"{report.run.action.name} {report.state.name}")

    async def leftovers(self) -> Sequence[Run]:
        """Runtime."""
        return [Run(left, 1.0) for left in self._leftovers]

    async def execute(self, run: Run, _listener: object) -> Outcome:
        """Runtime."""
        self.told.append(f"{run.action.name} executed")
        self.running.set()
        await self.end.wait()
        return Outcome(State.SUCCESS, "fine", 2.0)

    async def forget(self, run: Run) -> None:
        """Runtime."""
        self.told.append(f"{run.action.name} forgotten")

    async def keep_only(self, image: str) -> None:
        """Images."""
        self.kept.append(image)
        self.open.set()

    async def heartbeat(self, action: Action) -> str | None:
        """Telemetry."""
        if isinstance(self.heartbeat_fails, Exception):
            raise self.heartbeat_fails
        self.beats += 1
        self.beaten.set()
        return self.unwanted.get(action.name)

    async def progress(self, action: Action, progress: Progress) -> None:
        """Telemetry."""

    async def logs(self, action: Action, lines: Sequence[LogLine]) -> None:
        """Telemetry."""

    def worker(self, stop: Stop) -> Worker:
        """A worker in this world."""
        return Worker(
            source=self,
            sink=self,
            runtime=self,
            images=self,
            telemetry=self,
            stop=stop,
            steady=lambda: self.uptime_s,
            heartbeat_s=0.01,
            held_s=0.01,
        )


async def test_order() -> None:
    """An action is told RUNNING, executed, told its end, forgotten, in this order; leftovers come first."""
    world = World(action("b"), leftovers=[action("a")])
    await world.worker(Stop()).run()
    assert world.told == [
        *("a executed", "a SUCCESS", "a forgotten"),
        *("b RUNNING", "b executed", "b SUCCESS", "b forgotten"),
    ]


async def test_unreachable_server_is_asked_again() -> None:
    """Neither an action nor a report is lost to a server that doesn't answer."""
    world = World(Unreachable("away"), action("a"))
    world.failures = [Unreachable("away"), Unreachable("away")]
    await world.worker(Stop()).run()
    assert world.told == ["a RUNNING", "a executed", "a SUCCESS", "a forgotten"]


async def test_a_server_that_holds_questions_is_asked_again_at_once() -> None:
    """Its answer that there is nothing to do came late enough: pauses would be 20 s and more here."""
    world = World(*[None] * 12, action("a"))
    world.held_s = 5.0
    async with asyncio.timeout(10):
        await world.worker(Stop()).run()
    assert world.told == ["a RUNNING", "a executed", "a SUCCESS", "a forgotten"]


async def test_while_a_question_is_held_no_image_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The RAM is given back before the server answers, and whoever looks on is told, once."""
    world = World(action("a"))
    world.open.clear()
    await world.worker(Stop()).run()
    assert world.kept == ["", "image-a"]
    assert world.told == ["a RUNNING", "a executed", "a SUCCESS", "a forgotten"]
    assert capsys.readouterr().out.count('waiting reason="no answer yet') == 1


async def test_refused_running_is_dropped() -> None:
    """An action whose RUNNING is refused isn't executed."""
    world = World(action("a"), action("b"))
    world.failures = [Refused("unknown")]
    await world.worker(Stop()).run()
    assert world.told == ["b RUNNING", "b executed", "b SUCCESS", "b forgotten"]


async def test_refused_end_is_forgotten() -> None:
    """A server that doesn't know an action's run any more doesn't hold the worker up."""
    world = World(leftovers=[action("a")])
    world.failures = [Refused("unknown")]
    await world.worker(Stop()).run()
    assert world.told == ["a executed", "a forgotten"]


async def test_stop_waits_for_an_action_that_is_about_to_end() -> None:
    """An action that caused the stop, by a reboot, is told to the server before the worker ends."""
    world, stop = World(action("reboot"), action("next")), Stop()
    world.end.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(world.worker(stop).run())
        await world.running.wait()
        stop.ask()
        world.end.set()
    assert world.told == ["reboot RUNNING", "reboot executed", "reboot SUCCESS", "reboot forgotten"]


@pytest.mark.parametrize(
    ("goes_down", "after_s", "grace_s", "waits"),
    [
        (False, 2, 3, True),
        (False, 4, 3, False),
        (True, 19, 3, True),
        (True, 21, 3, False),
        (True, 1, 0, False),
    ],
)
async def test_what_takes_the_machine_down_has_longer_to_end(
    goes_down: bool, after_s: float, grace_s: float, waits: bool
) -> None:
    """The end of a reboot or kexec is waited for on a slow day too; a question to the server never is."""
    now = [0.0]
    stop = Stop(lambda: goes_down, lambda: now[0])
    stop.ask()
    now[0] = after_s
    ended = asyncio.sleep(0, "ended")
    if waits:
        assert await stop.or_done(ended, grace_s) == "ended"
    else:
        with pytest.raises(Stopped):
            await stop.or_done(ended, grace_s)


async def test_unwanted_run_ends() -> None:
    """A run that the server wants no more of is abandoned and forgotten, unreported; the next one follows."""
    world = World(action("a"), action("b"))
    world.end.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(world.worker(Stop()).run())
        await world.running.wait()
        world.unwanted["a"] = "cancelled by operator"
        while "a forgotten" not in world.told:
            world.beaten.clear()
            await world.beaten.wait()
        world.end.set()
    assert world.told == [
        *("a RUNNING", "a executed", "a forgotten"),
        *("b RUNNING", "b executed", "b SUCCESS", "b forgotten"),
    ]


async def test_unwanted_leftover_is_never_begun() -> None:
    """A run that is over already when its worker comes back is removed before anything of it begins."""
    world = World(leftovers=[action("a")])
    world.unwanted["a"] = "cancelled by operator"
    await world.worker(Stop()).run()
    assert world.told == ["a forgotten"]


@pytest.mark.parametrize("error", [Unreachable("away"), RuntimeError("a bug")])
async def test_heartbeats_that_fail_hold_nothing_up(error: Exception) -> None:
    """An action runs on where its server can't be told so."""
    world = World(action("a"))
    world.heartbeat_fails = error
    await world.worker(Stop()).run()
    assert world.told == ["a RUNNING", "a executed", "a SUCCESS", "a forgotten"]


async def test_heartbeats_go_on() -> None:
    """The server hears of a running action again and again, and of none after its end."""
    world = World(action("a"))
    world.end.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(world.worker(Stop()).run())
        while world.beats < 3:
            world.beaten.clear()
            await world.beaten.wait()
        world.end.set()
    assert world.told == ["a RUNNING", "a executed", "a SUCCESS", "a forgotten"]


class SlowServer:
    """A Telemetry that takes what it gets only when it may."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.progresses: list[Progress] = []
        self.may = asyncio.Event()

    async def heartbeat(self, _action: Action) -> str | None:
        """Telemetry."""

    async def progress(self, _action: Action, progress: Progress) -> None:
        """Telemetry."""
        await self.may.wait()
        self.progresses.append(progress)

    async def logs(self, _action: Action, lines: Sequence[LogLine]) -> None:
        """Telemetry."""
        await self.may.wait()
        assert len(lines) <= relays.BATCH_LINES
        self.lines.extend(lines)


async def test_relay_is_bounded() -> None:
    """A server that is too slow costs the oldest lines and says how many; the action is never held up."""
    server, count = SlowServer(), 2000
    async with relays.Relay(server, action("a")) as relay:
        for n in range(1, count + 1):
            relay.line(LogLine(n, 0.0, "stdout", f"{n} " + "x" * 10_000))
        server.may.set()
        await relay.flush(10)
    note, *kept = server.lines
    assert note.text == f"[{count - len(kept)} lines lost here: printed faster than the server took them]"
    assert [line.sequence for line in kept] == list(range(count - len(kept) + 1, count + 1))
    assert sum(len(line.text) for line in kept) < relays.QUEUE_BYTES


async def test_relay_sends_the_last_progress() -> None:
    """Of progress that comes faster than once a second the last is sent."""
    server = SlowServer()
    server.may.set()
    async with relays.Relay(server, action("a")) as relay:
        for n in range(100):
            relay.progress(Progress("write", n, 99, "bytes", 1.0, None))
        await relay.flush(10)
    assert server.progresses[-1].done == 99


@pytest.mark.parametrize("error", [Unreachable("away"), RuntimeError("a bug")])
async def test_relay_failures_stay_its_own(error: Exception) -> None:
    """Telemetry that can't be delivered is no failure of the action."""

    class Broken(SlowServer):
        async def logs(self, _action: Action, _lines: Sequence[LogLine]) -> None:
            self.may.set()
            raise error

    server = Broken()
    async with asyncio.timeout(10), relays.Relay(server, action("a")) as relay:
        relay.line(LogLine(1, 0.0, "stdout", "x"))
        await server.may.wait()
