"""Stages that run ahead, and the meter that tells where they are."""

import threading
from collections.abc import Iterator

import pytest

from osie.actions.progress import Meter, line, size
from osie.actions.read_ahead import read_ahead
from osie.contracts.action_events import Progress

PATIENCE_S = 10


def test_items_arrive_in_order_and_then_the_error() -> None:
    """What the stage made before it failed is had first."""

    def items() -> Iterator[int]:
        yield from range(5)
        raise ValueError("the sixth")

    had: list[int] = []
    with pytest.raises(ValueError, match="the sixth"):
        had.extend(iter_into(had, read_ahead(items(), depth=2, name="t")))
    assert had == [0, 1, 2, 3, 4]


def iter_into(had: list[int], items: Iterator[int]) -> Iterator[int]:
    """Note each item at once, so that an error doesn't hide those before it."""
    for item in items:
        had.append(item)
    return iter(())


def test_a_stage_is_only_so_far_ahead() -> None:
    """Memory is bounded: a slow reader stops the stage, at its depth and the item in its hands."""
    made: list[int] = []
    blocked = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 4:
                blocked.set()
            yield number

    ahead = read_ahead(items(), depth=3, name="t")
    assert next(ahead) == 0
    assert blocked.wait(PATIENCE_S)
    assert len(made) == 5  # one read, three waiting, one in the stage's hands
    ahead.close()


def test_a_reader_that_leaves_ends_the_stages() -> None:
    """Closing the last stage closes all before it."""
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    stages = read_ahead(read_ahead(items(), depth=1, name="a"), depth=1, name="b")
    assert next(stages) == 1
    stages.close()
    assert closed.wait(PATIENCE_S)


def test_progress_is_told_at_each_phase_and_at_each_beat() -> None:
    """With the recent rate, and the time left where the total is known; also while nothing moves."""
    events: list[Progress] = []
    now = [0.0]
    meter = Meter(events.append, clock=lambda: now[0])
    for step in range(21):
        now[0] = step / 10
        meter.update("write", step * 10, 1000)
        if step and step % 10 == 0:
            meter.beat()
    meter.update("sync", 1000, None)
    now[0] = 3.0
    meter.beat()
    assert [(event.phase, event.done) for event in events] == [
        ("write", 0),
        ("write", 100),
        ("write", 200),
        ("sync", 1000),
        ("sync", 1000),
    ]
    assert events[2].rate_per_s == 100
    assert events[2].eta_s == 8
    assert events[4].eta_s is None


def test_progress_goes_on_by_itself() -> None:
    """A thread beats: who waits for a disk to sync needs to say nothing."""
    told = threading.Semaphore(0)
    meter = Meter(lambda _event: told.release())
    with meter.beating(0.001):
        meter.update("sync", 0, None)
        for _ in range(4):
            assert told.acquire(timeout=PATIENCE_S)


def test_progress_can_be_read() -> None:
    """As a line: phase, bytes, percent, rate and time left, what is known of them."""
    assert line(Progress("write", 5_000_000, 20_000_000, "bytes", 1e6, 15.0)) == (
        "write: 5.0 MB of 20.0 MB (25 %), 1.0 MB/s, 15 s left"
    )
    assert line(Progress("sync", 5_000_000, None, "bytes", 0.0, None)) == "sync: 5.0 MB"
    assert line(Progress("fetch", 0, None, "bytes", 0.0, None)) == "fetch ..."


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e12, "2.5 TB")]
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    """In powers of ten, as disks are sold."""
    assert size(count) == text
