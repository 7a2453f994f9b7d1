"""What happened so far, and what happens next, for any number of readers. Within one event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class History(Generic[T]):
    """Items in the order in which they came; readers may come late and miss nothing."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._failure: Exception | None = None
        self._changed = asyncio.Event()

    def add(self, item: T) -> None:
        """One more."""
        self.items.append(item)
        self.notify()

    def fail(self, error: Exception | None) -> None:
        """Raise this in all who wait now or later, once they have read what there is; None: no more."""
        self._failure = error
        self.notify()

    def notify(self) -> None:
        """Have everybody who waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Return after the next change; raise what `fail` was given."""
        if self._failure is not None:
            raise self._failure
        await self._changed.wait()

    async def first(self, wanted: Callable[[T], bool]) -> T:
        """The first item that is wanted, from the beginning; waits for it."""
        async for item in self.follow():
            if wanted(item):
                return item
        raise AssertionError("follow() ends by an exception only")

    async def follow(self) -> AsyncIterator[T]:
        """Every item from the beginning, as they come; ended by its reader, or by what `fail` was given."""
        seen = 0
        while True:
            while seen < len(self.items):
                seen += 1
                yield self.items[seen - 1]
            await self.changed()
