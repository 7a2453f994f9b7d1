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


def backoff_s(failures: int, *, first_s: float = 1.0, longest_s: float = 30.0) -> float:
    """How long to wait after so many failures in a row: doubling, up to a bound."""
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 16))
