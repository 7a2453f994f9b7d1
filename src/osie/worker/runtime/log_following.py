"""Follows a container's log to its end, whatever becomes of the engine's stream of it.

A stream that ends or falls silent isn't always at the log's end: Docker 20.10 loses its place where the files
of a log change several times in a row. So then the engine is asked for its newest message; where that hasn't
come, the log is read on behind the last line that was had. An engine that died is read on in the same way.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Protocol

from osie.core.errors import OsieError, chain
from osie.worker.action import LogLine
from osie.worker.backoff import Backoff
from osie.worker.log import LogOnChange
from osie.worker.runtime.engine import EngineUnreachable

_SILENCE_S = 2.0  # so long after the last message it is asked for the newest; twice as long each time
_LONGEST_SILENCE_S = 30.0
_REST_S = 5.0


class Log(Protocol):
    """The logs of an engine. Methods raise EngineError."""

    def logs(
        self, container: str, *, since_s: int, follow: bool, heard: Callable[[float], None]
    ) -> AsyncGenerator[LogLine, None]:
        """The lines since the unix time; with `follow` until the container ends.

        `heard` gets the time of each message, which may be a part of a line.
        """

    async def newest_log_at(self, container: str) -> float | None:
        """The unix time of the newest message; None: there is none."""


class Following:
    """One container's log; `take` gets each line once."""

    def __init__(
        self, engine: Log, container: str, take: Callable[[LogLine], None], *, silence_s: float = _SILENCE_S
    ) -> None:
        self._engine = engine
        self._container = container
        self._take = take
        self._silence_s = silence_s
        self._at = 0.0  # the last line's time
        self._twins = 0  # lines in a row with that time
        self._heard_at = 0.0  # the newest message's time, of those that arrived
        self._sought = (0.0, 0.0)  # the newest message's time, and then `_heard_at`, when one was missed last

    async def run(self) -> None:
        """Return once all was read. Errors are told, not raised: the action is none the worse."""
        backoff, lost = Backoff(), LogOnChange("log_lost")
        while True:
            try:
                if not await self._read():
                    return
            except EngineUnreachable as error:
                lost.tell(": ".join(chain(error)))
                await asyncio.sleep(backoff.next_s())
            except OsieError as error:
                lost.tell(": ".join(chain(error)))
                return

    async def rest(self) -> None:
        """Read what is left of an ended container's log, whatever its stream did."""
        with suppress(OsieError, TimeoutError):
            async with asyncio.timeout(_REST_S):
                if await self._newest_at() > self._heard_at:
                    await self._take_lines(follow=False)

    async def _read(self) -> bool:
        """Read one stream while it brings what there is. Returns whether there is more than it brought."""
        reading = asyncio.create_task(self._take_lines(follow=True))
        pause_s = self._silence_s
        try:
            while True:
                heard_at = self._heard_at
                if (await asyncio.wait({reading}, timeout=pause_s))[0]:
                    await reading
                    return await self._is_behind()
                if self._heard_at != heard_at:
                    pause_s = self._silence_s
                elif await self._is_behind():
                    return True
                else:
                    pause_s = min(2 * pause_s, _LONGEST_SILENCE_S)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _is_behind(self) -> bool:
        """Whether the engine has a newer message; not again where it was sought in vain."""
        newest_at = await self._newest_at()
        before, self._sought = self._sought, (newest_at, self._heard_at)
        return newest_at > self._heard_at and self._sought != before

    async def _newest_at(self) -> float:
        return await self._engine.newest_log_at(self._container) or 0.0

    def _hear(self, at: float) -> None:
        self._heard_at = max(self._heard_at, at)

    async def _take_lines(self, *, follow: bool) -> None:
        """Take the lines behind the last one that was had. Engines know seconds: some of it comes again."""
        until, twins = self._at, self._twins
        lines = self._engine.logs(self._container, since_s=int(until), follow=follow, heard=self._hear)
        async with aclosing(lines):
            async for line in lines:
                if line.at < until:
                    continue
                if line.at == until and twins:
                    twins -= 1
                    continue
                until = -math.inf  # whatever the clock does now, the rest is new
                self._twins = self._twins + 1 if line.at == self._at else 1
                self._at = line.at
                self._take(line)
