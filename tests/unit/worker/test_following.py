"""A log is read to its end, each line once, over streams that break off, fall silent and end early."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.worker.action import LogLine
from osie.worker.runtime.engine import EngineError, EngineUnreachable
from osie.worker.runtime.log_following import Following

STEPS_S = st.sampled_from([0.0, 0.0, 0.3, 1.0, 7.5])  # between lines: many have the same time, or second
ENDS = st.tuples(st.integers(0, 4), st.sampled_from(["ends", "falls silent", "breaks"]))


class Scripted:
    """A log, and how each stream of it goes: after so many lines that weren't had it stops in a way."""

    def __init__(self, lines: list[LogLine], ends: list[tuple[int, str]]) -> None:
        self.lines = lines
        self.ends = ends
        self.refuses = False
        self.had: list[LogLine] = []
        self.asked_since: list[int] = []

    async def logs(
        self, _container: str, *, since_s: int, follow: bool, heard: Callable[[float], None]
    ) -> AsyncGenerator[LogLine, None]:
        self.asked_since.append(since_s)
        if self.refuses:
            raise EngineError("no such container", status=404)
        stop, how = len(self.lines), "ends"
        if self.ends and follow:
            more, how = self.ends.pop(0)
            stop = len(self.had) + more
        for line in [line for line in self.lines[:stop] if line.at >= since_s]:
            heard(line.at)
            yield line
        if how == "falls silent":
            await asyncio.Event().wait()
        if how == "breaks":
            raise EngineUnreachable("scripted")

    async def newest_log_at(self, _container: str) -> float | None:
        return self.lines[-1].at if self.lines else None


class Ahead(Scripted):
    """An engine that names a message which its stream doesn't bring."""

    async def newest_log_at(self, _container: str) -> float | None:
        return self.lines[-1].at + 0.1


def logged(steps: list[float]) -> list[LogLine]:
    """Lines with so many seconds between them."""
    at, lines = 1000.5, []
    for number, step in enumerate(steps):
        at += step
        lines.append(LogLine(number + 1, at, "stdout", f"line {number}"))
    return lines


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries."""
    monkeypatch.setattr("osie.worker.runtime.log_following.Backoff.next_s", lambda _self: 0.0)


@settings(deadline=None)
@given(st.lists(STEPS_S, min_size=1, max_size=12), st.lists(ENDS, max_size=4))
async def test_every_line_is_had_once(steps: list[float], ends: list[tuple[int, str]]) -> None:
    """As long as the newest line has a time of its own: by that it is known that it wasn't had."""
    log = Scripted(logged([*steps, 0.25]), list(ends))
    following = Following(log, "c", log.had.append, silence_s=0.002)
    with suppress(TimeoutError):  # a silent stream may last as long as its container
        async with asyncio.timeout(0.1):
            await following.run()
    await following.rest()
    assert log.had == log.lines


async def test_an_early_end_and_silence_are_noticed() -> None:
    """While the container runs, and with no more read again than the second of the line that was had last."""
    log = Scripted(logged([1.0, 2.0, 2.0, 2.0, 2.0]), [(2, "ends"), (1, "falls silent"), (1, "breaks")])
    async with asyncio.timeout(5):
        await Following(log, "c", log.had.append, silence_s=0.01).run()
    assert log.had == log.lines
    assert log.asked_since == [0, *(int(line.at) for line in log.lines[1:4])]


async def test_the_rest_may_be_refused() -> None:
    """An engine that says no then fails no action."""
    log = Scripted(logged([1.0]), [])
    log.refuses = True
    await Following(log, "c", log.had.append).rest()
    assert log.had == []


async def test_what_never_comes_is_sought_once() -> None:
    """An engine may name a message that its stream doesn't bring: no reason to read for ever."""
    log = Ahead(logged([1.0, 1.0]), [])
    async with asyncio.timeout(5):
        await Following(log, "c", log.had.append).run()
    assert log.had == log.lines
    assert len(log.asked_since) == 2
