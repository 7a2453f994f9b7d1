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

from osie.actions.fetch.patience import LONGEST_PAUSE_S
from osie.actions.fetch.site import Site
from osie.actions.fetch.source import SourceError


class Mirrors:
    """Servers of one image, in the order in which they are preferred; at least one."""

    def __init__(self, sites: Sequence[Site], tell: Callable[[str], None], pause_s: float) -> None:
        self._left = list(sites)
        self._tell = tell
        self._pause_s = pause_s
        self._words: list[str] = []  # why each of the others is out
        self.current = self._left[0]

    def give_up(self, site: Site, error: SourceError) -> None:
        """It is out for good. Raises where no other is left."""
        after = self._after(site)
        self._left.remove(site)
        self._words.append(str(error))
        if not self._left:
            if len(self._words) == 1:
                raise error
            raise SourceError(f"none of {len(self._words)} mirrors has the image: {'; '.join(self._words)}")
        self.current = self._soonest(after, time.monotonic())
        self._tell(f"{error}; trying {self.current.name}")

    def failed(self, site: Site, after_s: float, now: float) -> float:
        """It broke, or didn't answer. Returns the pause in seconds before `current` may be asked."""
        stay, site.delivered = site.delivered, False
        site.failures = 1 if stay else site.failures + 1
        pause = min(self._pause_s * 2 ** min(site.failures - 1, 10), LONGEST_PAUSE_S)
        site.not_before = now + max(pause, after_s)
        if not stay:
            self.current = self._soonest([*self._after(site), site], now)
        return max(self.current.not_before - now, 0.0)

    def _after(self, site: Site) -> list[Site]:
        at = self._left.index(site)
        return self._left[at + 1 :] + self._left[:at]

    @staticmethod
    def _soonest(sites: Sequence[Site], now: float) -> Site:
        return min(sites, key=lambda site: max(site.not_before, now))
