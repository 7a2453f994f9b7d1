"""Stages of a pipeline: an iterator that runs in a thread of its own, a bounded number of items ahead.

Decompression, hashing, socket and disk I/O all release the interpreter's lock, so stages do run in parallel.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _Channel(Generic[T]):
    """A bounded queue that either side can end: the writer with an error or none, the reader by leaving."""

    def __init__(self, depth: int) -> None:
        self._items: deque[T] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._ended = False
        self._left = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room; False where the reader has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or len(self._items) < self._depth)
            self._items.append(item)
            self._changed.notify_all()
            return not self._left

    def end(self, error: BaseException | None) -> None:
        """Say that no more items follow, and why."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def leave(self) -> None:
        """Say that nobody reads any more."""
        with self._changed:
            self._left = True
            self._items.clear()
            self._changed.notify_all()

    def read(self) -> Iterator[T]:
        """The items, then the writer's error where there is one."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or bool(self._items))
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error


def read_ahead(items: Iterable[T], *, depth: int, name: str) -> Generator[T, None, None]:
    """Yield the items, made by a thread up to `depth` ahead; what making them raises is raised here.

    Closing this generator stops the thread at its next item. The thread is a daemon: it may be waiting for
    the network, and nobody waits for it.
    """
    channel: _Channel[T] = _Channel(depth)

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not channel.put(item):
                    break
        except BaseException as raised:  # noqa: BLE001 - handed over to the reader, whatever it is
            error = raised
        finally:
            if isinstance(items, Generator):
                items.close()
            channel.end(error)

    threading.Thread(target=work, name=name, daemon=True).start()
    try:
        yield from channel.read()
    finally:
        channel.leave()
