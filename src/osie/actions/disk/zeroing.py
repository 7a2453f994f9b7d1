"""Leaves runs of zeroes to the device, as long as it is seen to make them."""

import mmap
import random
from collections.abc import Callable

from osie.actions import zeroes
from osie.actions.disk.device import Device, insist, read
from osie.actions.program import warn

_LEAST = 1 << 20  # bytes; a shorter run is written as it is
_MOST = 64 << 20  # one request; a device without a command for it has zeroes written by the kernel


class Zeroing:
    """Gathers zeroes into long runs. Its methods raise OSError."""

    def __init__(self, disk: Device, write: Callable[[memoryview, int], None]) -> None:
        self._disk = disk
        self._write = write
        self._pending = (0, 0)  # a run that may still grow: offset, length
        self._trusted = True  # until the disk turns out not to make zeroes

    def note(self, start: int, length: int) -> None:
        """Have the range, whole grains, read as zeroes; at the latest after `make`."""
        for at in range(start, start + length, _MOST):
            self._add(at, min(start + length - at, _MOST))

    def _add(self, start: int, length: int) -> None:
        at, pending = self._pending
        if pending and at + pending == start and pending + length <= _MOST:
            self._pending = at, pending + length
        else:
            self.make()
            self._pending = start, length

    def make(self) -> None:
        """Make what was noted."""
        start, length = self._pending
        self._pending = (0, 0)
        if length >= _LEAST and self._trusted:
            insist(lambda: self._disk.zero(start, length))
            page = start + random.randrange(length // mmap.PAGESIZE) * mmap.PAGESIZE  # noqa: S311 - a sample
            if not any(read(self._disk, page, mmap.PAGESIZE)):
                return
            warn(f"{self._disk.path} doesn't zero byte {page} when told to: zeroes are written from here on")
            self._trusted = False
        for at in range(start, start + length, len(zeroes.BLOCK)):
            self._write(memoryview(zeroes.BLOCK)[: start + length - at], at)
