"""Executes actions as containers of an engine that has Docker's API, each exactly once.

A container is found again by the label with its action's ID, so that a run survives the worker: the next one
waits for it, or reads its end, and never starts a second. It is removed when its outcome was delivered.
"""

import asyncio
import itertools
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from osie.contracts import action_events
from osie.contracts.image_name import with_tag
from osie.core.disk_space import DiskSpace
from osie.core.errors import chain
from osie.worker.action import Listener, LogLine, Outcome, Run, State
from osie.worker.backoff import Backoff
from osie.worker.log import LogOnChange, tell
from osie.worker.runtime import container, oom, storage
from osie.worker.runtime.engine import Container, Engine, EngineError, EngineUnreachable
from osie.worker.runtime.images import DockerImages
from osie.worker.runtime.log_following import Following
from osie.worker.runtime.verdict import Tail, judge, removed

_STOP_PATIENCE_S = 5  # between SIGTERM and SIGKILL for an action whose time is over
_LOG_DRAIN_S = 5.0  # the log ends with the container; an engine that doesn't end it must not stop us
_ENGINE_AWAY_S = 300.0  # the ramdisk starts an engine that died again, in seconds
_NOT_THERE = 404  # HTTP's
_CREATE_S = 5.0  # an abandoned creation is waited for so long, that it isn't overlooked


def _uptime() -> float:
    """Seconds since the machine started; unlike the time of day nothing sets it (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _hearing(listener: Listener, tail: Tail) -> Callable[[LogLine], None]:
    """What takes an action's lines: progress, or output, whose numbers progress leaves no gaps in."""
    numbers = itertools.count(1)

    def take(line: LogLine) -> None:
        progress = action_events.decode(line.text)
        if progress is not None:
            listener.progress(progress)
        else:
            tail.add(line.text)
            listener.line(replace(line, sequence=next(numbers)))

    return take


class DockerRuntime:
    """The runtime over one engine."""

    def __init__(
        self,
        engine: Engine,
        images: DockerImages,
        *,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = _uptime,
        room: Callable[[], DiskSpace] = storage.now,
    ) -> None:
        self._engine = engine
        self._images = images
        self._clock = clock
        self._uptime = uptime
        self._room = room

    async def leftovers(self) -> Sequence[Run]:
        """The runs of all our containers, oldest first."""
        found = await self._engine.containers(container.ACTION_LABEL)
        runs = []
        for told in found:
            try:
                runs.append(container.read_run(told))
            except ValueError as error:
                tell("container_not_ours", reason=str(error))
        return sorted(runs, key=lambda run: run.started_at)

    async def execute(self, run: Run, listener: Listener) -> Outcome:
        """Run the action to its end. What the engine refuses is the action's failure.

        An engine that died is waited for; the label then tells how far this run had come.
        """
        backoff, give_up_at, lost = Backoff(), 0.0, LogOnChange("engine_lost")
        while True:
            try:
                return await self._take_up(run, listener)
            except EngineUnreachable as error:
                give_up_at = give_up_at or time.monotonic() + _ENGINE_AWAY_S
                if time.monotonic() > give_up_at:
                    return self._refused(error)
                lost.tell(": ".join(chain(error)))
                await asyncio.sleep(backoff.next_s())
            except EngineError as error:
                return self._refused(error)

    async def _take_up(self, run: Run, listener: Listener) -> Outcome:
        found = await self._find(run)
        if found is None:
            found = await self._create(run)
        else:
            tell("action_adopted", action=run.action.name, container=found[:12])
        return await self._finish(found, run, listener)

    def _refused(self, error: EngineError) -> Outcome:
        why = ": ".join(chain(error))
        if storage.out_of_space(why):
            why = f"{storage.explain(self._room())}: {why}"
        return Outcome(State.FAILED, why, self._clock())

    async def forget(self, run: Run) -> None:
        """End the container where it still runs, and remove it.

        Its image stays until it is known that the next action hasn't the same.
        """
        backoff, give_up_at = Backoff(), time.monotonic() + _ENGINE_AWAY_S
        refused = LogOnChange("container_not_removed")
        while True:
            try:
                found = await self._find(run)
                if found is not None:
                    await self._stop(found)
                    await self._engine.remove(found)
                return
            except EngineError as error:
                refused.tell(": ".join(chain(error)))
                if not isinstance(error, EngineUnreachable) or time.monotonic() > give_up_at:
                    return
                await asyncio.sleep(backoff.next_s())

    async def _find(self, run: Run) -> str | None:
        found = await self._engine.containers(f"{container.ACTION_LABEL}={run.action.action_id}")
        return str(found[0]["Id"]) if found else None

    async def _create(self, run: Run) -> str:
        image = with_tag(run.action.image)
        await self._images.have(image)
        body = container.body(run, image=image, uptime_s=self._uptime())
        creating = asyncio.create_task(self._engine.create(container.name(run.action), body))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:  # whoever abandons a run finds its container, or there is none
            await asyncio.wait({creating}, timeout=_CREATE_S)
            creating.cancel()
            await asyncio.wait({creating})
            raise

    async def _finish(self, found: str, run: Run, listener: Listener) -> Outcome:
        before = await self._engine.inspect(found)
        if before.status == "created":
            try:
                await self._engine.start(found)
            except EngineUnreachable:
                raise
            except EngineError as error:
                raise EngineError("the container could not be started", status=error.status) from error
        tail = Tail()
        log = Following(self._engine, found, _hearing(listener, tail))
        following = asyncio.create_task(log.run())
        try:
            timeout_s = run.action.timeout_s
            ran_s = 0.0 if before.status == "created" else self._age_s(before)
            ended, stopped = await self._end(found, max(0.0, timeout_s - ran_s) if timeout_s > 0 else None)
            await asyncio.wait({following}, timeout=_LOG_DRAIN_S)
        except EngineError as error:
            if error.status != _NOT_THERE:
                raise
            return removed(ran_s=self._age_s(before), tail=tail.lines, at=self._clock())
        finally:
            following.cancel()
            await asyncio.wait({following})
        await log.rest()
        ran_s = min(ended.ran_s, self._age_s(before))
        return judge(
            ended, ran_s=ran_s, timeout_s=timeout_s, stopped=stopped, tail=tail.lines, room=self._room()
        )

    def _age_s(self, found: Container) -> float:
        """How long ago the container was created, whatever was done to the clock since."""
        return max(0.0, self._uptime() - container.created_uptime_s(found.labels))

    async def _end(self, found: str, left_s: float | None) -> tuple[Container, bool]:
        """Wait for the container's end; stop it when its time is over, and say whether that was needed.

        An engine that restarts is waited for: it knows how the container ended.
        """
        stop_at = None if left_s is None else asyncio.get_running_loop().time() + left_s
        stopped, backoff, lost = False, Backoff(), LogOnChange("engine_lost")
        while True:
            try:
                if await self._ended_before(found, stop_at):
                    return await self._how_it_ended(found, stopped=stopped), stopped
                stopped = await self._stop(found)
                stop_at = None
            except EngineUnreachable as error:
                lost.tell(": ".join(chain(error)))
                await asyncio.sleep(backoff.next_s())

    async def _how_it_ended(self, found: str, *, stopped: bool) -> Container:
        ended = await self._engine.inspect(found)
        if ended.exit_code != 128 + signal.SIGKILL or stopped or ended.out_of_memory:
            return ended
        return replace(ended, out_of_memory=await asyncio.to_thread(oom.killed, found))

    async def _ended_before(self, found: str, stop_at: float | None) -> bool:
        try:
            async with asyncio.timeout_at(stop_at):
                await self._engine.wait(found)
        except TimeoutError:
            return False
        return True

    async def _stop(self, found: str) -> bool:
        """Stop the container; False where it had ended by itself."""
        if (await self._engine.inspect(found)).status in {"exited", "dead"}:
            return False
        await self._engine.stop(found, _STOP_PATIENCE_S)
        return True
