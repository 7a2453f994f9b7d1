"""Bells within this process: whoever follows something is woken when it changes, and then reads the store."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Notifier:
    """Topics with listeners. A bell only says "look again", so that ringing twice is ringing once."""

    def __init__(self) -> None:
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._heard: dict[asyncio.Event, set[str]] = {}  # the topics that a bell rings for
        self.closed = False

    @contextmanager
    def listening(self, topic: str) -> Iterator[asyncio.Event]:
        """A bell for the block's time. Clear it, read, and only then wait: nothing is missed."""
        bell = asyncio.Event()
        self._heard[bell] = set()
        self.also(bell, topic)
        try:
            yield bell
        finally:
            for each in self._heard.pop(bell):
                self._bells[each].discard(bell)
                if not self._bells[each]:
                    del self._bells[each]

    def also(self, bell: asyncio.Event, *topics: str) -> None:
        """Let the bell ring for these topics, too, if anybody listens to it still."""
        if bell in self._heard:
            self._heard[bell].update(topics)
            for topic in topics:
                self._bells[topic].add(bell)

    def ring(self, *topics: str) -> None:
        """Something under these topics changed."""
        for topic in topics:
            for bell in self._bells.get(topic, ()):
                bell.set()

    def close(self) -> None:
        """Wake everybody, for the last time."""
        self.closed = True
        for bells in self._bells.values():
            for bell in bells:
                bell.set()


async def wait(bell: asyncio.Event, timeout_s: float) -> bool:
    """True where the bell rang within the time."""
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return False
    return True
