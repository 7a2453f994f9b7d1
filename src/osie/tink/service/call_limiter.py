"""Where agents' calls are worked on: a few at a time, and each to its end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")

_PLACES = 8  # at once: fewer than the store has connections, since others need some as well


class CallLimiter:
    """Serves calls in the order in which they come.

    When hundreds of machines come back at once, calls wait longer than their callers do. One that is given up
    before its turn costs nothing. One that was begun ends: its work on the store would else be thrown away
    half done, again and again, and the store would never be less busy.
    """

    def __init__(self, places: int = _PLACES) -> None:
        self._places = asyncio.Semaphore(places)
        self._at_work: set[asyncio.Task[object]] = set()

    @property
    def at_work(self) -> int:
        """How many calls are being worked on."""
        return len(self._at_work)

    async def serve(
        self, call: Callable[[_Request], Coroutine[Any, Any, _Reply]], request: _Request
    ) -> _Reply:
        """What the call answers, when its turn has come. Raises what it raises."""
        await self._places.acquire()
        task = asyncio.create_task(call(request))
        self._at_work.add(task)
        task.add_done_callback(self._leave)
        return await asyncio.shield(task)

    def _leave(self, task: "asyncio.Task[object]") -> None:
        self._at_work.discard(task)
        self._places.release()
        if not task.cancelled():
            task.exception()  # the caller's: where there is none any more, asyncio would complain

    async def close(self) -> None:
        """Wait for the calls that nobody waits for any more."""
        await asyncio.gather(*self._at_work, return_exceptions=True)
