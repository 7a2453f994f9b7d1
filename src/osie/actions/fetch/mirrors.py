"""Which of several servers is asked next.

A server that refuses, or has another image, is out for good. One that is down is asked again later, after a
pause of its own (Retry-After, where it says so), and the next one at once. One that was in the middle of
sending is asked again first: it goes on where it broke, without any doubt about what it has.

Why another server may be believed: its copy has the same length, where both say one, and

- `checked`: a digest of all the bytes is compared at the end, so it simply goes on by Range; else
- its copy is read from the start, and must be what was handed on already, before it may add anything. What
  comes out is then that server's image, whole. Where parts far behind were handed on too, nothing can prove
  that they fit, and it is an error.

An ETag proves nothing between two servers: each may make its own.
"""

import time
from collections.abc import Callable, Sequence

from osie.actions.fetch.mirror import Mirror
from osie.actions.fetch.patience import LONGEST_PAUSE_S
from osie.actions.fetch.source import SourceError


class Mirrors:
    """Servers of one image, in the order in which they are preferred; at least one."""

    def __init__(self, mirrors: Sequence[Mirror], tell: Callable[[str], None], pause_s: float) -> None:
        self._left = list(mirrors)
        self._tell = tell
        self._pause_s = pause_s
        self._words: list[str] = []  # why each of the others is out
        self.current = self._left[0]

    def give_up(self, mirror: Mirror, error: SourceError) -> None:
        """It is out for good. Raises where no other is left."""
        after = self._after(mirror)
        self._left.remove(mirror)
        self._words.append(str(error))
        if not self._left:
            if len(self._words) == 1:
                raise error
            raise SourceError(f"none of {len(self._words)} mirrors has the image: {'; '.join(self._words)}")
        self.current = self._soonest(after, time.monotonic())
        self._tell(f"{error}; trying {self.current.name}")

    def failed(self, mirror: Mirror, after_s: float, now: float) -> float:
        """It broke, or didn't answer. Returns the pause in seconds before `current` may be asked."""
        stay, mirror.delivered = mirror.delivered, False
        mirror.failures = 1 if stay else mirror.failures + 1
        pause = min(self._pause_s * 2 ** min(mirror.failures - 1, 10), LONGEST_PAUSE_S)
        mirror.not_before = now + max(pause, after_s)
        if not stay:
            self.current = self._soonest([*self._after(mirror), mirror], now)
        return max(self.current.not_before - now, 0.0)

    def _after(self, mirror: Mirror) -> list[Mirror]:
        at = self._left.index(mirror)
        return self._left[at + 1 :] + self._left[:at]

    @staticmethod
    def _soonest(mirrors: Sequence[Mirror], now: float) -> Mirror:
        return min(mirrors, key=lambda mirror: max(mirror.not_before, now))
