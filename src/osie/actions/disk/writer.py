"""Writes an image so that a disk either boots all of it or none.

Both ends of the disk (where partition tables and their backups are) are zeroed first and written last: after
all else was found right and is durable. Whatever happens in between, neither what was on the disk before nor
half of the new is bootable. A regular file stands in for a disk in the same way.
"""

import errno
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from osie.actions.disk.block_device import Claimed, DeviceError
from osie.actions.progress import size
from osie.core.errors import OsieError

END_BYTES = 1 << 20  # of each end; covers MBR, GPT and GRUB's core at the front, the GPT's backup at the back
_GRAIN = 256 << 10  # zeroes are looked for in pieces of this size, at multiples of it
_LEAST_ZEROES = 1 << 20  # a shorter run is written as it is
_MOST_ZEROES = 64 << 20  # one request; a device without a command for it has zeroes written by the kernel
_ZEROES = bytes(_GRAIN)
_WINDOW = 32 << 20  # written back early, so that `sync` is short and the page cache stays small


class WriteError(OsieError):
    """The image doesn't fit, or the disk doesn't take or keep it."""


def write_all(data: memoryview, offset: int, write: Callable[[memoryview, int], int]) -> None:
    """Write all of `data` at `offset`, over as many calls as it takes. Raises OSError."""
    while data:
        count = write(data, offset)
        if count <= 0:
            raise OSError(errno.EIO, "the device takes no more bytes")
        data, offset = data[count:], offset + count


def runs(data: bytes, offset: int, begin: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Cut data[begin:end] into (begin, end, is zeroes) in order; data[0] belongs at `offset` on the disk.

    Only whole grains count as zeroes: the kernel zeroes whole sectors.
    """
    position = begin
    while position < end:
        start, is_zero = position, False
        while position < end:
            step = min(_GRAIN - (offset + position) % _GRAIN, end - position)
            zero = step == _GRAIN and data.startswith(_ZEROES, position)  # memcmp, without a copy
            if position > start and zero != is_zero:
                break
            is_zero = zero
            position += step
        yield start, position, is_zero


class DiskWriter:
    """Takes an image in order by `write`, and puts it on the disk for good by `finish`."""

    def __init__(self, disk: Claimed, *, image_size: int | None = None) -> None:
        self._disk = disk
        self._image_size = image_size
        self._head = bytearray()
        self._tail = bytearray()
        # where the back end begins: a file has none, and a tiny disk is all front end
        self._tail_at = None if disk.size is None else max(disk.size - END_BYTES, END_BYTES)
        self._zeroes = (0, 0)  # a run of zeroes that may still grow: offset, length
        self.done = 0  # bytes taken

    def erase_ends(self) -> None:
        """Make what is on the disk unbootable, durably."""
        try:
            if self._disk.size is None:
                os.ftruncate(self._disk.descriptor, 0)
            else:
                for start in (0, max(self._disk.size - END_BYTES, 0)):
                    end = bytes(min(END_BYTES, self._disk.size))
                    self._put(memoryview(end), start)
            os.fsync(self._disk.descriptor)
        except OSError as error:
            raise self._failed(error, 0) from error

    def write(self, piece: bytes) -> None:
        """Take the image's next bytes. Raises WriteError."""
        offset, begin, end = self.done, 0, len(piece)
        if self._disk.size is not None and offset + end > self._disk.size:
            whole = str(self._image_size or f"at least {offset + end}")
            raise WriteError(
                f"the image is larger than the disk: {whole} bytes, "
                f"and {self._disk.path} has {self._disk.size}"
            )
        if offset < END_BYTES:
            begin = min(END_BYTES - offset, end)
            self._head += piece[:begin]
        if self._tail_at is not None and offset + end > self._tail_at:
            cut = max(self._tail_at - offset, begin)
            self._tail += piece[cut:]
            end = cut
        self.done += len(piece)
        try:
            for start, stop, is_zero in runs(piece, offset, begin, end):
                if is_zero:
                    self._note_zeroes(offset + start, stop - start)
                else:
                    self._flush_zeroes()
                    self._put(memoryview(piece)[start:stop], offset + start)
        except OSError as error:
            raise self._failed(error, offset) from error
        if self.done // _WINDOW != offset // _WINDOW:
            self._write_back()

    def _write_back(self) -> None:
        """Have the kernel begin to write what it holds, and forget what it has written (mm/fadvise.c)."""
        start = max(self.done - 4 * _WINDOW, 0)
        os.posix_fadvise(self._disk.descriptor, start, self.done - start, os.POSIX_FADV_DONTNEED)

    def _note_zeroes(self, start: int, length: int) -> None:
        at, pending = self._zeroes
        if pending and at + pending == start and pending + length <= _MOST_ZEROES:
            self._zeroes = at, pending + length
        else:
            self._flush_zeroes()
            self._zeroes = start, length

    def _flush_zeroes(self) -> None:
        start, length = self._zeroes
        self._zeroes = (0, 0)
        if not length or self._disk.size is None:
            return  # a regular file was empty, so a hole reads as zeroes
        if length >= _LEAST_ZEROES:
            self._disk.zero(start, length)
        else:
            self._put(memoryview(bytes(length)), start)

    def _put(self, data: memoryview, offset: int) -> None:
        write_all(data, offset, lambda part, at: os.pwrite(self._disk.descriptor, part, at))

    def sync(self) -> None:
        """Make all but the ends durable. To be called when the image was found whole and right."""
        try:
            self._flush_zeroes()
            if self._disk.size is None:
                os.ftruncate(self._disk.descriptor, self.done)
            os.fsync(self._disk.descriptor)
        except OSError as error:
            raise self._failed(error, self.done) from error

    def finish(self) -> None:
        """Write the ends, make them durable, and read them back from the device. After `sync` only."""
        ends = [(self._tail_at or 0, bytes(self._tail)), (0, bytes(self._head))]
        try:
            self._put_ends(ends)
        except OsieError:
            with suppress(OsieError):  # not to be trusted: must not boot
                self.erase_ends()
            raise

    def _put_ends(self, ends: list[tuple[int, bytes]]) -> None:
        try:
            for start, data in ends:
                self._put(memoryview(data), start)
                os.fsync(self._disk.descriptor)
            differing = [start for start, data in ends if read_back(self._disk, start, len(data)) != data]
        except OSError as error:
            raise self._failed(error, 0) from error
        if differing:
            raise WriteError(f"{self._disk.path} reads back other bytes at {differing[0]} than were written")

    def _failed(self, error: OSError, offset: int) -> OsieError:
        if error.errno == errno.ENOSPC:
            return WriteError(f"no room for the image: {self._disk.path} is full after {size(offset)}")
        return DeviceError(f"{self._disk.path} fails at byte {offset}: {error.strerror}")


def read_back(disk: Claimed, start: int, length: int) -> bytes:
    """The bytes as the device has them, not as the page cache remembers them (O_DIRECT)."""
    direct = os.O_DIRECT if disk.is_block else 0
    if not length:
        return b""
    descriptor = os.open(disk.path, os.O_RDONLY | os.O_CLOEXEC | direct)
    try:
        if not disk.is_block:  # a file system may not know O_DIRECT
            os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)
        block = max(disk.sector, mmap.PAGESIZE)
        skipped = start % block  # O_DIRECT wants offset, length and memory in whole sectors
        wanted = -(-(skipped + length) // block) * block
        with mmap.mmap(-1, wanted) as memory:
            have = 0
            while have < skipped + length:
                with memoryview(memory) as whole, whole[have:] as rest:
                    count = os.preadv(descriptor, [rest], start - skipped + have)
                if count == 0:
                    break  # shorter than what was written: the caller sees it
                have += count
            return memory[skipped : min(have, skipped + length)]
    finally:
        os.close(descriptor)
