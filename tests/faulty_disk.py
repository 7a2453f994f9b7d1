"""A real disk behind a layer that fails as it is told to: for tests of what writes and reads back."""

import os
from collections.abc import Callable
from pathlib import Path

from osie.actions.disk.device import Device

# Of a call: its name, its offset, its length. Of a fault: it may raise OSError, or return how much is done
Fault = Callable[[str, int, int], int | None]


class FaultyDisk:
    """A `Device` around another. `fault` sees each call first.

    It may raise; or return a number of bytes, to which a pwrite or pread is cut short; or None: as it is.
    With `loses`, what it returns is what a pwrite, or zero, claims to have done without doing it.
    """

    def __init__(self, disk: Device, fault: Fault, *, loses: bool = False) -> None:
        self._disk = disk
        self._fault = fault
        self.loses = loses
        self.path: Path = disk.path
        self.size = disk.size
        self.sector = disk.sector

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Write, or what the fault makes of it."""
        told = self._fault("pwrite", offset, len(data))
        if told is not None and self.loses:
            return told
        return self._disk.pwrite(data[:told], offset)

    def pread(self, into: memoryview, offset: int) -> int:
        """Read, or what the fault makes of it."""
        told = self._fault("pread", offset, len(into))
        return min(self._disk.pread(into, offset), len(into) if told is None else told)

    def zero(self, start: int, length: int) -> None:
        """Zero, or what the fault makes of it."""
        if self._fault("zero", start, length) is None:
            self._disk.zero(start, length)

    def truncate(self, size: int) -> None:
        """Truncate, or what the fault makes of it."""
        self._fault("truncate", size, 0)
        self._disk.truncate(size)

    def fsync(self) -> None:
        """Sync, or what the fault makes of it."""
        self._fault("fsync", 0, 0)
        self._disk.fsync()

    def forget(self, start: int, length: int) -> None:
        """As the disk does it."""
        self._disk.forget(start, length)


def corrupt(path: Path, offset: int) -> None:
    """Change one byte on the disk or in the file, durably."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        byte = os.pread(descriptor, 1, offset)[0]
        os.pwrite(descriptor, bytes([byte ^ 1]), offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
