"""The loop: ask for an action, say RUNNING, execute it, say how it ended, forget it; and stop when told to.

The order is what makes a killed worker harmless. The server knows of a run before its container exists, and
the container exists until the server knows its end; whichever moment the worker dies at, the next one finds
either nothing begun or a container to take up.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from osie.core.errors import OsieError, chain
from osie.worker.action import (
    Action,
    Exhausted,
    Images,
    Refused,
    Report,
    Run,
    Runtime,
    Sink,
    Source,
    State,
    Telemetry,
    Unreachable,
)
from osie.worker.backoff import Backoff
from osie.worker.heartbeat import EVERY_S, Unwanted, until_unwanted
from osie.worker.log import LogOnChange, tell
from osie.worker.telemetry import Relay

# Engines kill a container 10 s after SIGTERM, so this is what fits in. An action that ends within the first
# seconds is waited for.
_ENDING_GRACE_S = 3.0
_REPORT_GRACE_S = 8.0
# More where the machine goes down since an action asked for it: the report of that one may not be lost, and a
# busy machine takes its time. The ramdisk waits for 28 s.
_GOING_DOWN_S = 17.0

_FLUSH_S = 2.0

# A question that is open for so long is held by the server: the images of earlier actions go.
HELD_S = 5.0

_T = TypeVar("_T")


class Stopped(Exception):
    """The worker was told to stop."""


class Stop:
    """The wish that the worker stops, and since when it is there."""

    def __init__(
        self, goes_down: Callable[[], bool] = lambda: False, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`goes_down`: whether the machine does, too."""
        self._goes_down = goes_down
        self._steady = steady
        self._longer_s = 0.0
        self._asked = asyncio.Event()
        self._asked_at = 0.0  # monotonic seconds

    def ask(self) -> None:
        """Make the wish."""
        if not self._asked.is_set():
            self._asked_at = self._steady()
            self._longer_s = _GOING_DOWN_S if self._goes_down() else 0.0
            self._asked.set()

    async def or_done(self, work: Coroutine[Any, Any, _T], grace_s: float = 0.0) -> _T:
        """Await the work. Raises Stopped, and cancels it, once `grace_s` have passed since the wish."""
        if self._asked.is_set() and self._left_s(grace_s) <= 0:
            work.close()
            raise Stopped
        task, asked = asyncio.create_task(work), asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=max(0.0, self._left_s(grace_s)))
            if not task.done():
                raise Stopped
            return task.result()
        finally:
            task.cancel()
            asked.cancel()
            await asyncio.wait({task, asked})

    def _left_s(self, grace_s: float) -> float:
        whole_s = grace_s + self._longer_s if grace_s else 0.0
        return whole_s - (self._steady() - self._asked_at)


class Worker:
    """The tink-worker."""

    def __init__(
        self,
        *,
        source: Source,
        sink: Sink,
        runtime: Runtime,
        images: Images,
        telemetry: Telemetry,
        stop: Stop,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        heartbeat_s: float = EVERY_S,
        held_s: float = HELD_S,
        held_says: str = "no answer yet: the server may have no action for this machine",
    ) -> None:
        """`held_says`: what is told of a question that stays open for `held_s`."""
        self._source = source
        self._sink = sink
        self._runtime = runtime
        self._images = images
        self._telemetry = telemetry
        self._stop = stop
        self._clock = clock
        self._steady = steady
        self._heartbeat_s = heartbeat_s
        self._held_s = held_s
        self._held_says = held_says
        self._asking = Backoff()

    async def run(self) -> None:
        """Work until told to stop, or until the source ends."""
        try:
            for run in await self._stop.or_done(self._leftovers()):
                await self._carry_out(run)
            while True:
                await self._turn()
        except Stopped:
            tell("stopped")
        except Exhausted:
            tell("no_more_actions")

    async def _turn(self) -> None:
        action = await self._stop.or_done(self._next())
        tell("action", name=action.name, image=action.image, id=action.action_id, workflow=action.workflow_id)
        run = Run(action, self._clock())
        if await self._stop.or_done(self._deliver(Report(run, State.RUNNING))) and await self._carry_out(run):
            self._asking.reset()
        else:  # a server that hands out what it then doesn't want must not be asked without a pause
            await self._stop.or_done(asyncio.sleep(self._asking.next_s()))

    async def _leftovers(self) -> Sequence[Run]:
        """What an earlier worker began. The engine may still be starting."""
        backoff = Backoff()
        unreachable = LogOnChange("engine_unreachable")
        while True:
            try:
                return await self._runtime.leftovers()
            except OsieError as error:
                unreachable.tell(": ".join(chain(error)))
                await asyncio.sleep(backoff.next_s())

    async def _next(self) -> Action:
        waiting = LogOnChange("waiting")
        while True:
            asked_at = self._steady()
            try:
                action = await self._ask(waiting)
                why = "the server has no action for this machine"
            except Unreachable as error:
                action, why = None, ": ".join(chain(error))
            else:
                await self._images.keep_only(action.image if action else "")
                if action is not None:
                    return action
            waiting.tell(why)
            await asyncio.sleep(self._asking.next_s() - (self._steady() - asked_at))

    async def _ask(self, waiting: LogOnChange) -> Action | None:
        """The source's answer. A server may hold the question until there is an action."""
        asking = asyncio.create_task(self._source.next())
        try:
            await asyncio.wait({asking}, timeout=self._held_s)
            if not asking.done():
                waiting.tell_first(self._held_says)
                await self._images.keep_only("")
            return await asking
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _carry_out(self, run: Run) -> bool:
        """Execute the action and tell its end; False where the server wanted no more of it."""
        async with Relay(self._telemetry, run.action) as relay:
            work = until_unwanted(
                self._runtime.execute(run, relay), self._telemetry, run.action, self._heartbeat_s
            )
            try:
                outcome = await self._stop.or_done(work, _ENDING_GRACE_S)
            except Unwanted as why:
                tell("action_unwanted", name=run.action.name, reason=str(why))
                await self._stop.or_done(self._runtime.forget(run), _REPORT_GRACE_S)
                return False
            tell("action_ended", name=run.action.name, state=outcome.state.name, message=outcome.message)
            report = Report(run, outcome.state, outcome.message, outcome.finished_at)
            await self._stop.or_done(self._settle(report, relay), _REPORT_GRACE_S)
            return True

    async def _settle(self, report: Report, relay: Relay) -> None:
        await relay.flush(_FLUSH_S)  # so that whoever watches sees the last lines before the end
        await self._deliver(report)
        await self._runtime.forget(report.run)
        await relay.flush(_FLUSH_S)  # what the server, when it was away, didn't take the first time

    async def _deliver(self, report: Report) -> bool:
        """Report until the server takes it; False where it says that it never will."""
        backoff = Backoff()
        delayed = LogOnChange("report_delayed", state=report.state.name)
        while True:
            try:
                await self._sink.write(report)
                return True
            except Refused as error:
                tell("report_refused", state=report.state.name, reason=": ".join(chain(error)))
                return False
            except Unreachable as error:
                delayed.tell(": ".join(chain(error)))
                await asyncio.sleep(backoff.next_s())
