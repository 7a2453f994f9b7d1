"""How long is too long."""

import math

from osie.actions.fetch.patience import LEAST_BYTES_PER_S, Pace, Patience


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_waiting_counts() -> None:
    """A reader that is slow itself doesn't make the server slow."""
    clock = _Clock()
    pace = Pace(10, clock)
    pace.wait()
    clock.now += 3
    pace.got(1)
    clock.now += 1000  # the disk was busy
    assert pace.left_s == 7


def test_a_byte_now_and_then_is_no_progress() -> None:
    """The window starts over only where it brought enough bytes."""
    clock = _Clock()
    pace = Pace(10, clock)
    for _ in range(5):
        pace.wait()
        clock.now += 2
        pace.got(1)
    assert pace.left_s == 0
    pace.got(10 * LEAST_BYTES_PER_S)
    assert pace.left_s == 10


def test_there_is_no_total_limit_unless_one_is_set() -> None:
    """`total_s` counts from the start."""
    assert Patience().end(5) == math.inf
    assert Patience(total_s=7).end(5) == 12
