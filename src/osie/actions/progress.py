"""How far an action is: an event at most once per interval, with the recent rate and the time left."""

import time
from collections.abc import Callable

from osie.contracts.action_events import Progress

_SMOOTHING = 0.3  # weight of the newest interval in the rate


class Meter:
    """Turns counts into progress events. `emit` gets each event; `clock` counts seconds."""

    def __init__(
        self,
        emit: Callable[[Progress], None],
        *,
        interval_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._interval_s = interval_s
        self._clock = clock
        self._phase = ""
        self._told_at = 0.0
        self._told_done = 0
        self._rate = 0.0

    def update(self, phase: str, done: int, total: int | None) -> None:
        """Tell where the phase stands; a new phase is told at once, others when the interval is over."""
        now = self._clock()
        if phase != self._phase:
            self._phase, self._rate = phase, 0.0
            self._tell(now, done, total)
        elif now - self._told_at >= self._interval_s:
            newest = (done - self._told_done) / max(now - self._told_at, 1e-9)
            self._rate = _SMOOTHING * newest + (1 - _SMOOTHING) * self._rate if self._rate else newest
            self._tell(now, done, total)

    def _tell(self, now: float, done: int, total: int | None) -> None:
        self._told_at, self._told_done = now, done
        left = (total - done) / self._rate if total is not None and self._rate > 0 else None
        self._emit(
            Progress(
                phase=self._phase,
                done=done,
                total=total,
                unit="bytes",
                rate_per_s=round(self._rate, 1),
                eta_s=None if left is None else round(max(left, 0.0), 1),
            )
        )


def size(count: float) -> str:
    """A number of bytes for people to read."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
