"""How far an action is: an event at each phase's start and once per interval, with the recent rate.

Events come from a thread of their own, so that they come where the action itself waits: for the network, or
for the disk to sync.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from osie.contracts.action_events import Progress

_SMOOTHING = 0.3  # weight of the newest interval in the rate


class Meter:
    """Turns counts into progress events. `emit` gets each event; `clock` counts seconds."""

    def __init__(
        self,
        emit: Callable[[Progress], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._phase = ""
        self._done = 0
        self._total: int | None = None
        self._told_at = 0.0
        self._told_done = 0
        self._rate = 0.0

    def update(self, phase: str, done: int, total: int | None) -> None:
        """Note where the phase stands; a new phase is told at once, the rest by `beat`."""
        with self._lock:
            self._done, self._total = done, total
            if phase != self._phase:
                self._phase, self._rate = phase, 0.0
                self._tell(self._clock())

    def beat(self) -> None:
        """Tell where the phase stands. To be called once per interval."""
        with self._lock:
            now = self._clock()
            passed = now - self._told_at
            if not self._phase or passed <= 0:
                return
            newest = max(self._done - self._told_done, 0) / passed
            self._rate = _SMOOTHING * newest + (1 - _SMOOTHING) * self._rate if self._rate else newest
            self._tell(now)

    @contextmanager
    def beating(self, interval_s: float) -> Iterator[None]:
        """Beat once per interval within the block."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(interval_s):
                self.beat()

        thread = threading.Thread(target=beat, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _tell(self, now: float) -> None:
        self._told_at, self._told_done = now, self._done
        left = self._total - self._done if self._total is not None else None
        eta = left / self._rate if left is not None and self._rate > 0 else None
        self._emit(
            Progress(
                phase=self._phase,
                done=self._done,
                total=self._total,
                unit="bytes",
                rate_per_s=round(self._rate, 1),
                eta_s=None if eta is None else round(max(eta, 0.0), 1),
            )
        )


def size(count: float) -> str:
    """A number of bytes for people to read."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def line(event: Progress) -> str:
    """An event as a line for people: phase, bytes, percent, rate, time left; what isn't known is left out."""
    if not event.done:
        return f"{event.phase} ..."
    told = f"{event.phase}: {size(event.done)}"
    if event.total:
        told += f" of {size(event.total)} ({100 * event.done / event.total:.0f} %)"
    if event.rate_per_s:
        told += f", {size(event.rate_per_s)}/s"
    return told if event.eta_s is None else f"{told}, {event.eta_s:.0f} s left"
