"""The few system calls that writing and reading back are made of, as a port.

`block_device.Claimed` is the real one. A test puts one around it that takes less than it is given, fails, or
doesn't keep what it took.
"""

import errno
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")


class Device(Protocol):
    """A disk, or a regular file in its stead. Each call raises OSError."""

    @property
    def path(self) -> Path:
        """Where it is; for messages."""

    @property
    def size(self) -> int | None:
        """Bytes; None: a regular file, which grows."""

    @property
    def sector(self) -> int:
        """Bytes of a logical sector."""

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Write some of the data, and return how many bytes."""

    def pread(self, into: memoryview, offset: int) -> int:
        """Read some bytes as the device has them, not as the page cache remembers them; 0 at the end.

        Offset, length and memory are whole pages (O_DIRECT).
        """

    def zero(self, start: int, length: int) -> None:
        """Make the range, whole sectors, read as zeroes."""

    def truncate(self, size: int) -> None:
        """Give a regular file this size."""

    def fsync(self) -> None:
        """Return when all that was written is durable."""

    def forget(self, start: int, length: int) -> None:
        """Have the range written back early and dropped from the page cache."""


def insist(call: Callable[[], T]) -> T:
    """The call's result; a call that a signal interrupted is made again (signal(7))."""
    while True:
        try:
            return call()
        except InterruptedError:
            continue


def write_all(data: memoryview, offset: int, write: Callable[[memoryview, int], int]) -> None:
    """Write all of `data` at `offset`, over as many calls as it takes. Raises OSError."""
    while data:
        part, at = data, offset
        count = insist(lambda: write(part, at))  # noqa: B023 - called before they change
        if count <= 0:
            raise OSError(errno.EIO, "the device takes no more bytes")
        data, offset = data[count:], offset + count


def aligned(length: int) -> mmap.mmap:
    """Memory of at least `length` bytes that O_DIRECT may be given: whole pages."""
    return mmap.mmap(-1, max(-(-length // mmap.PAGESIZE), 1) * mmap.PAGESIZE)


def read_into(device: Device, memory: mmap.mmap, start: int, length: int) -> int:
    """Read from a page boundary on until `length` bytes, or the device's end; return how many of them.

    `memory` has room for `length` rounded up to whole pages. Raises OSError.
    """
    wanted = -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
    have, end = 0, -1
    with memoryview(memory) as whole:
        while have < length:
            with whole[have:wanted] as rest:
                at = start + have
                count = insist(lambda: device.pread(rest, at))  # noqa: B023 - called before they change
            reached = have + count
            if count <= 0:
                break
            if reached == end:
                have = reached
                break
            if reached % mmap.PAGESIZE == 0 or reached >= length:
                have = reached
            else:  # a short read, to be gone on with from a page's boundary; or the end, which comes again
                have, end = reached - reached % mmap.PAGESIZE, reached
    return min(have, length)


def read(device: Device, start: int, length: int) -> bytes:
    """The bytes as the device has them; fewer at its end. Raises OSError."""
    skipped = start % mmap.PAGESIZE
    with aligned(skipped + length) as memory:
        have = read_into(device, memory, start - skipped, skipped + length)
        return memory[skipped:have]
