"""Notices that the clock was set: what looks overdue then may have hardly begun."""

import time
from collections.abc import Callable

import structlog

_log = structlog.get_logger("osie.tink")

_JUMP_S = 10.0  # less is within every grace
_MOST_JUMPS = 100


class ClockJumps:
    """Compares the clock that may be set, `now`, with one that only ever goes on, `steady`."""

    def __init__(
        self, now: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._steady = steady
        self._last = now(), steady()
        self.since = (
            now()
        )  # from when on we can tell what time passed: our start, or the clock's last setback
        self.skipped: tuple[tuple[float, float], ...] = ()  # (when, by how many seconds it was set forward)

    def look(self) -> None:
        """To be called again and again."""
        (then, steady_then), (now, steady_now) = self._last, (self._now(), self._steady())
        self._last = now, steady_now
        jump_s = (now - then) - (steady_now - steady_then)
        if abs(jump_s) <= _JUMP_S:
            return
        _log.warning("the clock was set", by_s=round(jump_s))
        if jump_s > 0:  # when: no earlier than what was written just before
            self.skipped = (*self.skipped, (now - jump_s, jump_s))[-_MOST_JUMPS:]
        else:
            self.since = now
            self.skipped = _without(self.skipped, -jump_s)


def _without(skipped: tuple[tuple[float, float], ...], back_s: float) -> tuple[tuple[float, float], ...]:
    """What is still skipped once the clock was set back by so much: the last of it is taken back first."""
    left = []
    for when, by_s in reversed(skipped):
        if by_s > back_s:
            left.append((when, by_s - back_s))
        back_s = max(0.0, back_s - by_s)
    return tuple(reversed(left))
