"""A disk of the worst kind that is still honest: what was not flushed is lost with the power, or half of it.

It can also be made to lie: to drop or alter a write, and say that all is well. Pure; `nbd.py` exports it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

SECTOR = 512  # what a disk writes whole or not at all


@dataclass(frozen=True)
class Lie:
    """What happens to every write or zeroing that covers the byte at `offset`."""

    kind: Literal["drop", "alter", "drop-zeroing"]
    offset: int

    def applies(self, start: int, length: int, zeroing: bool) -> bool:
        """Whether to this one."""
        meant = zeroing == (self.kind == "drop-zeroing")
        return meant and start <= self.offset < start + length


@dataclass(frozen=True)
class Written:
    """A write that the disk's cache holds. `data` is None for zeroes."""

    offset: int
    length: int
    data: bytes | None

    def apply(self, target: bytearray, start: int = 0, end: int | None = None) -> None:
        """Put the part [start, end) of it where it belongs."""
        end = self.length if end is None else end
        part = bytes(end - start) if self.data is None else memoryview(self.data)[start:end]
        target[self.offset + start : self.offset + end] = part


class Medium:
    """A disk with a volatile cache. Offsets and lengths are whole sectors."""

    def __init__(self, content: bytes, *, lie: Lie | None = None) -> None:
        self.durable = bytearray(content)  # what a power cut leaves for sure
        self.seen = bytearray(content)  # what a read returns
        self._held: list[Written] = []  # since the last flush, in order
        self._lie = lie
        self.log: list[tuple[str, int, int]] = []  # what, offset, length: commands that change it
        self.cut_at: int | None = None  # so many of these are taken, and the next one is the last
        self.on_cut: Callable[[], None] = lambda: None
        self.dark = False  # no power

    def replace(self, content: bytes, lie: Lie | None = None) -> None:
        """Make it another disk of the same size; while no machine has it."""
        self.durable[:] = content
        self._lie = lie
        self.lose_all()

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.seen)

    def read(self, offset: int, length: int) -> bytes:
        """What is there now, in the cache or below."""
        return bytes(self.seen[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Take bytes into the cache."""
        self._note("write", offset, len(data))
        self._take(Written(offset, len(data), data))

    def zero(self, offset: int, length: int) -> None:
        """Take zeroes into the cache."""
        self._note("zero", offset, length)
        self._take(Written(offset, length, None))

    def flush(self) -> None:
        """Make durable all that was taken before. A cut comes before the flush has an effect."""
        self._note("flush", 0, 0)
        if self.dark:
            return
        for written in self._held:
            written.apply(self.durable)
        self._held.clear()

    def lose_power(self, chance: random.Random) -> None:
        """Keep what was flushed; of what was not, each write is there, is lost, or is there in part: a third
        each, or, on a disk that doesn't wait long, nearly all of it there.
        """
        kept = chance.choice((1, 1, 30))
        for written in self._held:
            fate = chance.choices(("kept", "lost", "torn"), (kept, 1, 1))[0]
            if fate == "kept":
                written.apply(self.durable)
            elif fate == "torn":
                sectors = written.length // SECTOR
                first, last = sorted((chance.randint(0, sectors), chance.randint(0, sectors)))
                written.apply(self.durable, first * SECTOR, last * SECTOR)
        self._forget()

    def keep_all(self) -> None:
        """Lose nothing: a disk whose cache was empty when power went."""
        self.durable[:] = self.seen
        self._forget()

    def lose_all(self) -> None:
        """Keep what was flushed and nothing else."""
        self._forget()

    def _forget(self) -> None:
        self._held.clear()
        self.seen[:] = self.durable
        self.log.clear()
        self.cut_at, self.dark = None, False

    def _note(self, what: str, offset: int, length: int) -> None:
        if not self.dark and self.cut_at is not None and len(self.log) >= self.cut_at:
            self.dark = True
            self.on_cut()
        self.log.append((what, offset, length))

    def _take(self, written: Written) -> None:
        if self._lie and self._lie.applies(written.offset, written.length, written.data is None):
            if self._lie.kind != "alter" or written.data is None:
                return
            altered = bytearray(written.data)
            altered[self._lie.offset - written.offset] ^= 1
            written = Written(written.offset, written.length, bytes(altered))
        self._held.append(written)
        written.apply(self.seen)
