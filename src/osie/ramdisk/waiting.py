"""Waiting on conditions with a deadline. Nothing in the ramdisk sleeps blindly."""

import select
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Waker(Protocol):
    """Something that becomes readable when the condition may have changed."""

    def fileno(self) -> int:
        """Its file descriptor."""
        ...

    def drain(self) -> None:
        """Take in what made it readable."""
        ...


def until(
    condition: Callable[[], T | None],
    *,
    deadline_s: float,
    every_s: float = 0.1,
    waker: Waker | None = None,
) -> T | None:
    """The condition's first true value, or None where the deadline passes before there is one."""
    end = time.monotonic() + deadline_s
    poll = select.poll()
    if waker is not None:
        poll.register(waker.fileno(), select.POLLIN)
    while not (value := condition()):
        left = end - time.monotonic()
        if left <= 0:
            return None
        if poll.poll(min(left, every_s) * 1000) and waker is not None:
            waker.drain()
    return value


def pause(longest_s: float, wake: Waker | None = None, *, least_s: float = 1.0) -> None:
    """Let time pass. With `wake` no longer than until something is told, but the least all the same."""
    if wake is None:
        time.sleep(longest_s)
        return
    wake.drain()  # what was told before may be of our own doing
    least_s = min(least_s, longest_s)
    time.sleep(least_s)
    poll = select.poll()
    poll.register(wake.fileno(), select.POLLIN)
    poll.poll((longest_s - least_s) * 1000)


def backoff_s(failures: int, *, first_s: float = 1.0, longest_s: float = 30.0) -> float:
    """How long to wait after so many failures in a row: doubling, up to a bound."""
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 16))


class Restarts:
    """How long to wait before what ended is started again: longer each time, unless it was steady."""

    def __init__(self, *, steady_s: float = 60.0, at_once: int = 0) -> None:
        """`at_once`: how many ends in a row cost no pause."""
        self._steady_s = steady_s
        self._at_once = at_once
        self._ends = 0

    def pause_s(self, lived_s: float) -> float:
        """The pause after an end of one that lived so long."""
        self._ends = 1 if lived_s > self._steady_s else self._ends + 1
        return backoff_s(self._ends - self._at_once) if self._ends > self._at_once else 0.0
