"""How long to put up with a server: per connection, without progress, and in all."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

LEAST_BYTES_PER_S = 1024  # a server that is slower counts as one that sends nothing

LONGEST_PAUSE_S = 5.0  # before another try, unless the server asks for more


class Patience(NamedTuple):
    """How long to put up with a server.

    A byte now and then is not progress: in `stall_s` a connection, and in `outage_s` the whole, has to bring
    `LEAST_BYTES_PER_S` for each second that was spent waiting for it. So a server can't hold us for ever
    by an empty answer, or by one byte per timeout, even without a `total_s`.
    """

    retry: bool = True
    outage_s: float = 600.0  # without progress (or from the start) to giving up
    stall_s: float = 30.0  # a connection on which nothing arrives for that long is given up
    pause_s: float = 0.5  # before another try; doubled each time
    total_s: float | None = None  # from the start to the last byte, however fast; None: no limit

    def end(self, begun: float) -> float:
        """When all must be done, on the monotonic clock."""
        return math.inf if self.total_s is None else begun + self.total_s


class Pace:
    """Whether bytes come fast enough; only the time spent waiting for them counts, not the reader's own."""

    def __init__(self, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._bytes = 0
        self._waited_s = 0.0
        self._since: float | None = None

    def wait(self) -> None:
        """From now on we wait."""
        if self._since is None:
            self._since = self._clock()

    def got(self, count: int) -> None:
        """Bytes arrived, and we wait no longer; a window that brought enough is over."""
        now = self._clock()
        if self._since is not None:
            self._waited_s += now - self._since
            self._since = None
        self._bytes += count
        if count and self._bytes >= self._window_s * LEAST_BYTES_PER_S:
            self._bytes, self._waited_s = 0, 0.0

    @property
    def left_s(self) -> float:
        """How much longer may be waited; below zero where it's too long already."""
        waiting = self._clock() - self._since if self._since is not None else 0.0
        return self._window_s - self._waited_s - waiting
