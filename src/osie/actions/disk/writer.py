"""Writes an image so that a disk either boots all of it or none.

Both ends of the disk (where partition tables and their backups are) are zeroed first and written last: after
all else was found right and is durable. Whatever happens in between, neither what was on the disk before nor
half of the new is bootable. A regular file stands in for a disk in the same way, and ends with the image.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from osie.actions import zeroes
from osie.actions.disk.behind import WriteBehind
from osie.actions.disk.block_device import DeviceError
from osie.actions.disk.device import Device, insist
from osie.actions.disk.ends import END_BYTES, End, erase, put, steps
from osie.actions.disk.zero_runs import GRAIN, runs
from osie.actions.disk.zeroing import Zeroing
from osie.actions.progress import size
from osie.core.errors import OsieError

_WINDOW = 32 << 20  # written back early, so that `sync` is short and the page cache stays small


class WriteError(OsieError):
    """The image doesn't fit, or the disk doesn't take or keep it."""


class DiskWriter:
    """Takes an image in order, by `write`, `zeroes` and `skip_to`; `finish` puts it on the disk for good.

    `erase_ends` comes first, `sync` before `finish`, `close` always. Every other method raises WriteError or
    DeviceError.
    """

    def __init__(self, disk: Device, *, image_size: int | None = None) -> None:
        self._disk = disk
        self._image_size = image_size
        self._head = bytearray()
        self._tail = bytearray()
        # where the back end begins: a file's isn't known before the image's, and a tiny disk is all front end
        self._tail_at = None if disk.size is None else max(disk.size - END_BYTES, END_BYTES)
        self._zeroing = Zeroing(disk, self._put)
        self._behind: WriteBehind | None = None  # from the first byte on
        self._file_size = 0  # of a regular file, while it's written
        self.done = 0  # bytes taken

    @property
    def ends(self) -> tuple[End, ...]:
        """What is held back until `finish`, as (offset, bytes): the front end, and a back end if any.

        Those of a disk are whole: what the image doesn't fill is zeroes.
        """
        if self._disk.size is None or self._tail_at is None:
            ends = ((0, bytes(self._head)), (self.done - len(self._tail), bytes(self._tail)))
        else:
            head = bytes(self._head).ljust(min(self._disk.size, END_BYTES), b"\0")
            ends = (
                (0, head),
                (self._tail_at, bytes(self._tail).ljust(self._disk.size - self._tail_at, b"\0")),
            )
        return tuple(end for end in ends if end[1])

    def erase_ends(self, *, keep: bool = False) -> None:
        """Make what is on the disk unbootable, durably. `keep`: go on with what an earlier run wrote.

        Without it a regular file is emptied; a disk keeps what is between the ends in either case.
        """
        with self._told(0):
            if self._disk.size is not None:
                erase(self._disk, self._disk.size)
            elif keep:
                self._file_size = self._disk.path.stat().st_size
                erase(self._disk, self._file_size)
            else:
                self._disk.truncate(0)
                insist(self._disk.fsync)

    def write(self, piece: bytes) -> None:
        """Take the image's next bytes."""
        self._must_fit(len(piece))
        offset, begin, end = self.done, 0, len(piece)
        if offset < END_BYTES:
            begin = min(END_BYTES - offset, end)
            self._head += piece[:begin]
        self.done += end
        with self._told(offset):
            if self._tail_at is None:
                self._write_file(piece[begin:] if begin else piece, offset + begin)
            else:
                if offset + end > self._tail_at:
                    cut = max(self._tail_at - offset, begin)
                    self._tail += piece[cut:]
                    end = cut
                self._write_body(piece, offset, begin, end)
        if self.done // _WINDOW != offset // _WINDOW:
            start = max(self.done - 4 * _WINDOW, 0)
            self._disk.forget(start, self.done - start)

    def _write_file(self, piece: bytes, offset: int) -> None:
        """Hold the newest bytes back: they may be the file's last, where the backup partition table is."""
        held = bytes(self._tail)
        if len(piece) < END_BYTES:
            offset, piece, held = offset - len(held), held + piece, b""
        cut = max(len(piece) - END_BYTES, 0)
        self._tail[:] = piece[cut:]
        self._make_room()
        self._write_body(held, offset - len(held), 0, len(held))
        self._write_body(piece, offset, 0, cut)

    def _make_room(self) -> None:
        """Make an unfinished file longer than the image is so far, so that its end is zeroes."""
        wanted = -(-self.done // _WINDOW) * _WINDOW + END_BYTES
        if wanted > self._file_size:
            self._disk.truncate(wanted)
            self._file_size = wanted

    def _write_body(self, data: bytes, offset: int, begin: int, end: int) -> None:
        for start, stop, is_zero in runs(data, offset, begin, end):
            if is_zero:
                self._zeroing.note(offset + start, stop - start)
            else:
                self._zeroing.make()
                self._put(memoryview(data)[start:stop], offset + start)

    def _put(self, data: memoryview, offset: int) -> None:
        if self._behind is None:
            self._behind = WriteBehind(self._disk)
        self._behind.put(data, offset)

    def zeroes(self, length: int) -> None:
        """Take `length` zeroes as the image's next bytes: the same as to write them, and quicker."""
        self._must_fit(length)
        end = self.done + length
        start = max(-(-self.done // GRAIN) * GRAIN, END_BYTES)
        stop = min(end - END_BYTES, self._tail_at or end) // GRAIN * GRAIN
        if stop > start:
            self._write_zeroes(start - self.done)
            with self._told(start):
                self._settle()
                self._zeroing.note(start, stop - start)
            self.done = stop
        self._write_zeroes(end - self.done)

    def _write_zeroes(self, length: int) -> None:
        for start in range(0, length, len(zeroes.BLOCK)):
            self.write(zeroes.BLOCK[: length - start])

    def skip_to(self, offset: int) -> None:
        """Take the bytes up to `offset`, which are on the disk already, as they are there."""
        if not END_BYTES <= self.done <= offset or (self._tail_at is not None and offset > self._tail_at):
            raise ValueError(f"the ends of the disk can't be skipped: {self.done} to {offset}")
        self._must_fit(offset - self.done)
        with self._told(self.done):
            self._settle()
        self.done = offset

    def _settle(self) -> None:
        """Write what a file's end was held back of: something else follows it."""
        if self._tail_at is None and self._tail:
            held = bytes(self._tail)
            self._tail.clear()
            self._write_body(held, self.done - len(held), 0, len(held))

    def _must_fit(self, length: int) -> None:
        end = self.done + length
        if self._disk.size is not None and end > self._disk.size:
            raise too_large(self._image_size or end, self._disk, known=self._image_size is not None)

    def sync(self) -> None:
        """Make all but the ends durable. To be called when the image was found whole and right."""
        with self._told(self.done):
            self._zeroing.make()
            if self._behind is not None:
                self._behind.flush()
                self.close()
            if self._disk.size is None:
                self._disk.truncate(self.done)
            insist(self._disk.fsync)

    def close(self) -> None:
        """Write nothing more. Has to come before the disk is closed."""
        if self._behind is not None:
            self._behind.close()
            self._behind = None  # its buffers too

    @contextmanager
    def _told(self, offset: int) -> Iterator[None]:
        """Turn what the system says into our errors."""
        try:
            yield
        except OSError as error:
            failed_at = self._behind.failed_at if self._behind is not None else None
            place = offset if failed_at is None else failed_at
            if error.errno == errno.ENOSPC:
                raise WriteError(
                    f"no room for the image: {self._disk.path} is full after {size(place)}"
                ) from error
            raise DeviceError(f"{self._disk.path} fails at byte {place}: {error.strerror}") from error

    def finish(self) -> None:
        """Write the ends, make them durable, and read them back from the device. After `sync` only.

        Where that goes wrong the ends are erased again.
        """
        try:
            for end in steps(self.ends, self._disk.sector):
                self._put_end(end)
        except BaseException:
            with suppress(OsieError):  # not to be trusted: must not boot
                self.erase_ends(keep=True)
            raise

    def _put_end(self, end: End) -> None:
        start = end[0]
        with self._told(start):
            kept = put(self._disk, end)
        if not kept:
            raise WriteError(f"{self._disk.path} reads back other bytes at {start} than were written")


def too_large(image_size: int, disk: Device, *, known: bool = True) -> WriteError:
    """The error for an image of (at least) so many bytes."""
    least = "" if known else "at least "
    return WriteError(
        f"the image is larger than the disk: {least}{image_size} bytes, and {disk.path} has {disk.size}"
    )
