"""Passes on what an action tells while it runs: best effort, in the background, in bounded memory.

Lines go in batches, at most half a second late; progress at most once a second, the last always. Where the
server is slower than the action prints, the oldest lines go, and a note says how many.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from osie.contracts.action_events import Progress
from osie.worker.action import Action, LogLine, Telemetry, Unreachable
from osie.worker.backoff import Backoff
from osie.worker.log import tell

BATCH_LINES = 100
BATCH_BYTES = 256 * 1024  # gRPC servers take messages of up to 4 MiB
QUEUE_BYTES = 4 * 1024 * 1024
_LATE_S = 0.5
_PROGRESS_EVERY_S = 1.0
_LINE_OVERHEAD = 64  # bytes that a short line takes besides its text


def _size(line: LogLine) -> int:
    return len(line.text.encode()) + _LINE_OVERHEAD


class Relay:
    """A Listener that passes one action's lines and progress on to a Telemetry. Use as a context manager."""

    def __init__(
        self, telemetry: Telemetry, action: Action, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._telemetry = telemetry
        self._action = action
        self._clock = clock
        self._lines: deque[LogLine] = deque()
        self._held_bytes = 0
        self._lost = 0  # lines that the note at the queue's head stands for
        self._note: LogLine | None = None
        self._progress: Progress | None = None
        self._progress_due_at = 0.0
        self._news = asyncio.Event()  # there is something to send
        self._sending = asyncio.Lock()
        self._hurry = asyncio.Event()  # don't wait for more
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Relay":
        self._sender = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait({self._sender})  # what it failed with is not the action's failure

    def line(self, line: LogLine) -> None:
        """Take a line; never waits."""
        self._lines.append(line)
        self._held_bytes += _size(line)
        while self._held_bytes > QUEUE_BYTES:
            self._drop_oldest()
        self._news.set()
        if len(self._lines) >= BATCH_LINES:
            self._hurry.set()

    def progress(self, progress: Progress) -> None:
        """Take a progress event; never waits. A newer one replaces it."""
        self._progress = progress
        self._news.set()

    async def flush(self, timeout_s: float) -> None:
        """Send everything now; give up after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._send_all(last=True)
        except (TimeoutError, Unreachable):
            pass
        except Exception as error:  # noqa: BLE001 - a defect of telemetry must not fail the action
            tell("telemetry_failed", reason=repr(error))

    def _drop_oldest(self) -> None:
        """Two lines become one note with the first one's number, so that the order stays."""
        first = self._take()
        self._lost = self._lost if first is self._note else 1
        if self._lines:
            self._take()
            self._lost += 1
        text = f"[{self._lost} lines lost here: printed faster than the server took them]"
        self._note = LogLine(first.sequence, first.at, "stderr", text)
        self._put_back([self._note])

    def _put_back(self, lines: Sequence[LogLine]) -> None:
        self._lines.extendleft(reversed(lines))
        self._held_bytes += sum(_size(line) for line in lines)

    def _take(self) -> LogLine:
        line = self._lines.popleft()
        self._held_bytes -= _size(line)
        return line

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            await self._news.wait()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LATE_S):
                    await self._hurry.wait()
            self._hurry.clear()
            try:
                await self._send_all(last=False)
                backoff.reset()
            except Unreachable:
                self._news.set()
                await asyncio.sleep(backoff.next_s())
            if self._progress is not None:
                self._news.set()

    async def _send_all(self, *, last: bool) -> None:
        async with self._sending:
            while self._lines:
                await self._send(self._batch())
            progress = self._progress
            if progress is not None and (last or self._clock() >= self._progress_due_at):
                self._progress_due_at = self._clock() + _PROGRESS_EVERY_S
                await self._telemetry.progress(self._action, progress)
                if self._progress is progress:
                    self._progress = None

    async def _send(self, batch: Sequence[LogLine]) -> None:
        sent = False
        try:
            await self._telemetry.logs(self._action, batch)
            sent = True
        finally:
            if not sent:  # the server drops what it has already, by the lines' numbers
                self._put_back(batch)

    def _batch(self) -> list[LogLine]:
        batch = [self._take()]
        size = _size(batch[0])
        while self._lines and len(batch) < BATCH_LINES and size + _size(self._lines[0]) <= BATCH_BYTES:
            batch.append(self._take())
            size += _size(batch[-1])
        return batch
