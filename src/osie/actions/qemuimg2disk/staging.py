"""Where an image lies that has to be read back and forth: not in memory, which is short, but on the disk
that it's for, right behind what it becomes. So neither can come to lie over the other, however large the
image turns out to be: how long a compressed one is, nobody knows before.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from osie.actions.disk.block_device import Claimed, DeviceError
from osie.actions.disk.device import insist, write_all
from osie.actions.disk.ends import END_BYTES
from osie.actions.disk.writer import WriteError

_GRAIN = 1 << 20
_WINDOW = 32 << 20
_QEMU_SECTOR = 512  # qemu's raw driver takes whole ones; what a file lacks to them reads as zeroes there


class Place:
    """A part of a disk, or of a file, that an image is written to."""

    def __init__(self, device: Claimed, path: str, start: int, room: int | None) -> None:
        self._device = device
        self._path = path
        self.start = start  # bytes
        self._room = room  # bytes; None: a file, which grows
        self._size = 0
        self.length = 0  # of the image that was written, bytes

    @property
    def is_block(self) -> bool:
        """Whether it is on the disk itself, and not in a file beside it."""
        return self._room is not None

    @property
    def node(self) -> dict[str, object]:
        """The image that was written, for QEMU's block drivers."""
        driver = "host_device" if self.is_block else "file"
        whole = {"driver": driver, "filename": self._path, "locking": "off"}
        return {"driver": "raw", "offset": self.start, "size": self._size, "file": whole}

    def fill(self, pieces: Iterator[bytes], tell: Callable[[], None]) -> None:
        """Write the image, and make it durable. Raises what the pieces raise, WriteError and DeviceError."""
        for piece in pieces:
            self._put(piece)
            if self._size % _WINDOW < len(piece):
                self._device.forget(self.start, self._size)
            tell()
        self.length = self._size
        self._put(bytes(-self._size % _QEMU_SECTOR))
        try:
            insist(self._device.fsync)
        except OSError as error:
            raise DeviceError(f"{self._device.path} fails: {error.strerror}") from error

    @contextmanager
    def reading(self) -> Iterator[Callable[[int, int], bytes]]:
        """What gives so many bytes of the image from an offset on, fewer at its end. Raises DeviceError."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

        def at(offset: int, length: int) -> bytes:
            if offset >= self.length:
                return b""
            place = self.start + offset
            try:
                return os.pread(descriptor, min(length, self.length - offset), place)
            except OSError as error:
                raise DeviceError(f"{self._device.path} fails at byte {place}: {error.strerror}") from error

        try:
            yield at
        finally:
            os.close(descriptor)

    def _put(self, piece: bytes) -> None:
        at = self.start + self._size
        if self._room is not None and self._size + len(piece) > self._room:
            raise WriteError(
                f"the image is larger than what is left of {self._device.path} behind the {self.start} bytes"
                f" that it becomes: {self._room} bytes, and it's made of more",
                hint="take a larger disk, or a raw image: that needs no room beside it",
            )
        try:
            write_all(memoryview(piece), at, self._device.pwrite)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise WriteError(f"no room for the image beside {self._device.path}") from error
            raise DeviceError(f"{self._device.path} fails at byte {at}: {error.strerror}") from error
        self._size += len(piece)

    def clear(self) -> None:
        """Make what was written zeroes again, as far as that goes: it means nothing to anybody."""
        with suppress(OSError):
            sector = self._device.sector
            self._device.zero(self.start, -(-self._size // sector) * sector)
            self._device.fsync()


@contextmanager
def place(disk: Claimed, becomes: int, made_of: int) -> Iterator[Place]:
    """A place for an image of at least `made_of` bytes that becomes `becomes`; cleared after the block.

    A regular file gets another one beside it. Raises WriteError where the disk hasn't room for both.
    """
    if disk.size is None:
        with tempfile.NamedTemporaryFile(dir=disk.path.parent, prefix=".osie-image-") as file:
            beside = Claimed(disk.path, file.fileno(), file.fileno(), None, disk.sector)
            yield Place(beside, file.name, 0, None)
        return
    start = max(-(-becomes // _GRAIN) * _GRAIN, END_BYTES)
    room = disk.size - END_BYTES - start
    if room < max(made_of, 1):
        raise WriteError(
            f"the image is too large for the disk: it becomes {becomes} bytes, and {made_of or 'those'} that"
            f" it's made of must lie behind them meanwhile; {disk.path} has {disk.size}",
            hint="take a larger disk, or a raw image: that needs no room beside it",
        )
    found = Place(disk, str(disk.path), start, room)
    try:
        yield found
    finally:
        found.clear()
