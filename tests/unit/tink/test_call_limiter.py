"""The limiter: a few calls at a time, in order, and each that was begun to its end."""

import asyncio
import gc

import pytest

from osie.tink.service.call_limiter import CallLimiter


class Work:
    """Calls that end when told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.go_on = asyncio.Event()

    async def call(self, name: str) -> str:
        """Take as long as it takes."""
        self.begun.append(name)
        await self.go_on.wait()
        if name == "bad":
            raise ValueError("bad")
        self.ended.append(name)
        return name.upper()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_at_once_and_the_others_in_order() -> None:
    """So many calls are at work at once, and the others begin in the order in which they came."""
    limiter, work = CallLimiter(places=2), Work()
    calls = [asyncio.create_task(limiter.serve(work.call, name)) for name in "abcd"]
    await _settle()
    assert work.begun == ["a", "b"]
    work.go_on.set()
    assert await asyncio.gather(*calls) == ["A", "B", "C", "D"]
    assert work.begun == ["a", "b", "c", "d"]


async def test_a_call_that_was_begun_ends_though_nobody_waits() -> None:
    """A call that was begun goes on to its end, and keeps its place until then, though its caller gave up."""
    limiter, work = CallLimiter(places=1), Work()
    call = asyncio.create_task(limiter.serve(work.call, "a"))
    await _settle()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    waiting = asyncio.create_task(limiter.serve(work.call, "b"))
    await _settle()
    assert work.begun == ["a"]  # its place is taken for as long as it works
    work.go_on.set()
    assert await waiting == "B"
    assert work.ended == ["a", "b"]


async def test_a_call_given_up_before_its_turn_is_not_begun() -> None:
    """A call whose caller gave up before its turn is never begun."""
    limiter, work = CallLimiter(places=1), Work()
    first, second = (asyncio.create_task(limiter.serve(work.call, name)) for name in "ab")
    await _settle()
    second.cancel()
    work.go_on.set()
    assert await first == "A"
    await limiter.close()
    assert work.begun == ["a"]
    assert await limiter.serve(work.call, "c") == "C"


async def test_a_failure_is_the_callers_and_gives_the_place_back() -> None:
    """A call's failure is raised in its caller, and its place is free again."""
    limiter, work = CallLimiter(places=1), Work()
    work.go_on.set()
    with pytest.raises(ValueError, match="bad"):
        await limiter.serve(work.call, "bad")
    assert await limiter.serve(work.call, "a") == "A"


async def test_a_failure_that_nobody_waits_for_is_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio logs nothing of a failure that its caller no longer waits for."""
    limiter, work = CallLimiter(places=1), Work()
    call = asyncio.create_task(limiter.serve(work.call, "bad"))
    await _settle()
    call.cancel()
    await _settle()
    work.go_on.set()
    await _settle()
    del call  # it has the limiter's task in its traceback
    gc.collect()
    assert not limiter.at_work
    assert caplog.records == []


async def test_closing_waits_for_what_was_begun() -> None:
    """Closing returns after the last call that was begun."""
    limiter, work = CallLimiter(places=1), Work()
    call = asyncio.create_task(limiter.serve(work.call, "a"))
    await _settle()
    call.cancel()
    closing = asyncio.create_task(limiter.close())
    await _settle()
    assert not closing.done()
    work.go_on.set()
    await closing
    assert work.ended == ["a"]
