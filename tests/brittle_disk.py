"""A disk in memory that fails, lies or loses power at the call it is told to; it knows what is durable.

A `device.Device`. As on a real one, what was written since the last fsync may or may not survive a power cut,
sector by sector and in any order.
"""

import errno
import os
import random
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Call = Literal["pwrite", "pread", "zero", "fsync", "any"]
What = Literal["short", "EINTR", "EIO", "ENOSPC", "lost", "altered", "power"]


class PowerCut(BaseException):
    """Nothing after it happens: no clean-up on the way out either."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, at which call of a kind (from 0)."""

    what: What
    call: Call
    number: int
    for_ever: bool = False  # every call of any kind after it fails too


@cache
def _node(size: int) -> int:
    """Something of this size that can be asked whether it is still the same."""
    descriptor = os.memfd_create("disk")
    os.ftruncate(descriptor, size)
    return descriptor


class BrittleDisk:
    """A disk of `size` bytes."""

    sector = 512
    is_block = False  # no kernel to ask for partitions

    def __init__(self, content: bytes, *troubles: Trouble) -> None:
        self.size = len(content)
        self.descriptor = _node(self.size)
        self.path = Path(f"/proc/self/fd/{self.descriptor}")
        self.content = bytearray(content)  # as it reads
        self.durable = bytearray(content)  # as it was at the last fsync
        self.counts: dict[Call, int] = {"pwrite": 0, "pread": 0, "zero": 0, "fsync": 0, "any": 0}
        self._unsynced: list[tuple[int, bytes]] = []
        self._troubles = troubles
        self._broken: What | None = None
        self._lock = threading.Lock()  # several threads read back

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Take the data, or what is left of them."""
        with self._lock:
            what = self._next("pwrite")
            taken = bytes(data[: len(data) // 2 + 1] if what == "short" else data)
            self._put(offset, taken, what)
            return len(taken)

    def zero(self, start: int, length: int) -> None:
        """Make zeroes."""
        assert start % self.sector == length % self.sector == 0
        with self._lock:
            self._put(start, bytes(length), self._next("zero"))

    def pread(self, into: memoryview, offset: int) -> int:
        """What a read gives: short ones in whole pages, as with O_DIRECT."""
        assert offset % 4096 == len(into) % 4096 == 0
        with self._lock:
            what = self._next("pread")
            found = bytes(self.content[offset : offset + len(into)])
            if what == "short" and len(found) > 4096:
                found = found[: len(found) // 2 // 4096 * 4096 or 4096]
            if what == "altered" and found:
                found = bytes([found[0] ^ 1]) + found[1:]
            into[: len(found)] = found
            return len(found)

    def fsync(self) -> None:
        """Make all durable."""
        with self._lock:
            if self._next("fsync") == "lost":
                return
            self.durable[:] = self.content
            self._unsynced.clear()

    def truncate(self, _size: int) -> None:
        """Not of a disk."""
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def forget(self, start: int, length: int) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to close."""

    def after_power_cut(self, seed: int) -> bytes:
        """What is there when power is back: of the unsynced sectors some, chosen by `seed`."""
        found, chance = bytearray(self.durable), random.Random(seed)
        share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for offset, data in self._unsynced:
            step = chance.choice((self.sector, 4096, 1 << 18))
            for at in range(0, len(data), step):
                if chance.random() < share:
                    part = data[at : at + step]
                    found[offset + at : offset + at + len(part)] = part
        return bytes(found)

    def _put(self, offset: int, data: bytes, what: What | None) -> None:
        if what == "lost" or not data:
            return
        if what == "altered":
            data = bytes([data[0] ^ 1]) + data[1:]
        if offset + len(data) > self.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.content[offset : offset + len(data)] = data
        self._unsynced.append((offset, data))

    def _next(self, call: Call) -> What | None:
        """What goes wrong with this call. Raises where it is an error."""
        what = self._broken
        now = ((call, self.counts[call]), ("any", self.counts["any"]))
        self.counts[call] += 1
        self.counts["any"] += 1
        for trouble in self._troubles:
            if (trouble.call, trouble.number) in now:
                what = trouble.what
                if trouble.for_ever or what == "power":
                    self._broken = what
        if what == "power":
            raise PowerCut
        if what in ("EINTR", "EIO", "ENOSPC"):
            code = getattr(errno, what)
            raise OSError(code, os.strerror(code))  # InterruptedError where it is EINTR
        return what
