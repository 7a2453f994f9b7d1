"""A disk that fails at any call: the right error, and nothing boots. Short and interrupted calls go on."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faulty_disk import Fault, FaultyDisk
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.disk.block_device import Claimed, DeviceError, claim
from osie.actions.disk.device import Device, read
from osie.actions.disk.ends import END_BYTES
from osie.actions.disk.hashes import NotedHashes
from osie.actions.disk.readback import read_back
from osie.actions.disk.writer import DiskWriter, WriteError
from osie.core.errors import OsieError

MIB = 1 << 20
IMAGE = b"BOOT" + os.urandom(3 * MIB // 2) + bytes(5 * MIB // 2) + os.urandom(2 * MIB - 516) + b"\1" * 512
CALLS = ("pwrite", "pread", "zero", "fsync")


class Disk(FaultyDisk):
    """A regular file that has the size of a disk."""

    def __init__(self, disk: Claimed, fault: Fault, size: int) -> None:
        super().__init__(disk, fault)
        self.size = size


@contextmanager
def a_disk(fault: Fault, size: int = 8 * MIB) -> Iterator[Disk]:
    """A disk that holds an older system: every byte is 0xAA."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "disk")
        path.write_bytes(b"\xaa" * size)
        with closing(claim(str(path))) as claimed:
            yield Disk(claimed, fault, size)


def install(disk: Device, image: bytes = IMAGE, piece: int = 300_000) -> OsieError | None:
    """The whole of an installation; the error that it ended with."""
    with closing(DiskWriter(disk)) as writer:
        try:
            hashes = NotedHashes()
            writer.erase_ends()
            for start in range(0, len(image), piece):
                part = image[start : start + piece]
                hashes.add(part)
                writer.write(part)
            writer.sync()
            read_back(disk, hashes, "full", ends=writer.ends)
            writer.finish()
        except OsieError as error:
            return error
    return None


class Nth:
    """A fault at the call of a kind with a number, and where it lasts at all after it."""

    def __init__(self, call: str, number: int, code: int, *, lasts: bool) -> None:
        self._call, self._number, self._code, self._lasts = call, number, code, lasts
        self._lock = threading.Lock()
        self.struck = False

    def __call__(self, call: str, _offset: int, _length: int) -> int | None:
        """Count, and raise."""
        with self._lock:
            if call == self._call:
                self._number -= 1
            strikes = (
                self._number < 0 if self._lasts and self.struck else call == self._call and self._number == -1
            )
            self.struck = self.struck or strikes
        if strikes:
            raise OSError(self._code, os.strerror(self._code))
        return None


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CALLS), st.integers(0, 12), st.sampled_from([errno.EIO, errno.ENOSPC]), st.booleans())
def test_an_error_of_any_call_fails_and_nothing_boots(call: str, number: int, code: int, lasts: bool) -> None:
    """The first sector is zeroes; or the disk as it was, where the first write failed; or all of the image is
    there, where the disk fails for good once it was written, and can't be erased any more."""
    fault = Nth(call, number, code, lasts=lasts)
    with a_disk(fault) as disk:
        error = install(disk)
        content = disk.path.read_bytes()
    if not fault.struck:
        assert error is None
        assert content[: len(IMAGE)] == IMAGE
        return
    assert isinstance(error, WriteError if code == errno.ENOSPC and call != "pread" else OsieError)
    assert "no room for the image" in str(error) or os.strerror(code) in str(error)
    if any(content[:512]):
        assert content == b"\xaa" * len(content) or (lasts and content[: len(IMAGE)] == IMAGE)


@settings(max_examples=15, deadline=None)
@given(st.data(), st.sampled_from([4096, 99_999, MIB]))
def test_short_and_interrupted_calls_are_gone_on_with(data: st.DataObject, most: int) -> None:
    """Writes and reads of any length, each interrupted now and then: the image is there, whole."""
    pages, interruptions = st.integers(8, 64), iter(data.draw(st.lists(st.booleans(), max_size=200)))
    share = data.draw(pages) * 4096

    def fault(call: str, _offset: int, length: int) -> int | None:
        if next(interruptions, False):
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        if call == "pwrite":
            return min(length, most)
        return min(length, share) if call == "pread" else None

    with a_disk(fault) as disk:
        assert install(disk) is None
        assert disk.path.read_bytes()[: len(IMAGE)] == IMAGE


@pytest.mark.parametrize("size", [512, 4096, END_BYTES, END_BYTES + 512, 3 * END_BYTES // 2, 2 * END_BYTES])
@pytest.mark.parametrize("less", [0, 512])
def test_a_tiny_disk_is_all_ends(size: int, less: int) -> None:
    """However small, an image as large as the disk, or a sector smaller, arrives."""
    image = IMAGE[: size - less] or b"\1" * 512
    with a_disk(lambda *_: None, size) as disk:
        assert install(disk, image) is None
        assert disk.path.read_bytes() == image + bytes(size - len(image))


def test_an_image_that_is_larger_than_the_disk_is_an_error() -> None:
    """When the first byte too many comes: nobody knew before."""
    with a_disk(lambda *_: None, 4 * MIB) as disk:
        assert "larger than the disk: at least 42" in str(install(disk))
        assert not any(disk.path.read_bytes()[:END_BYTES])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3 * MIB)), max_size=6))
def test_zeroes_are_the_same_as_written_ones(parts: list[tuple[bool, int]]) -> None:
    """Wherever they begin and end, to a disk and to a file: in the old system's place."""
    noise = os.urandom(3 * MIB)
    for is_file in (False, True):
        with a_disk(lambda *_: None, 18 * MIB) as disk:
            if is_file:
                disk.size = None
            image = bytearray()
            with closing(DiskWriter(disk)) as writer:
                writer.erase_ends(keep=True)
                for zero, length in parts:
                    piece = bytes(length) if zero else noise[:length]
                    image += piece
                    if zero:
                        writer.zeroes(length)
                    else:
                        writer.write(piece)
                writer.sync()
                writer.finish()
                assert writer.done == len(image)
            found = disk.path.read_bytes()
            assert found[: len(image)] == image
            assert not is_file or len(found) == len(image)


def test_a_disk_that_does_not_zero_when_told_has_zeroes_written() -> None:
    """It is seen at the first hole, and the command isn't trusted again."""
    asked: list[int] = []

    def ignore(call: str, offset: int, _length: int) -> int | None:
        if call == "zero":
            asked.append(offset)
            return 0
        return None

    image = IMAGE[: 2 * MIB] + bytes(2 * MIB) + IMAGE[: 2 * MIB] + bytes(2 * MIB) + IMAGE[:512]
    with a_disk(ignore, 16 * MIB) as disk:
        assert install(disk, image, MIB) is None
        assert disk.path.read_bytes()[: len(image)] == image
    assert len(asked) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_erasure_is_made_good_or_found(times: int) -> None:
    """Where the image doesn't reach, too: an older backup partition table isn't left behind it."""
    lost: list[int] = []

    def fault(call: str, offset: int, length: int) -> int | None:
        if call == "pwrite" and offset == 7 * MIB and len(lost) < times:
            lost.append(offset)
            return length
        return None

    with a_disk(fault) as disk:
        disk.loses = True
        error = install(disk, IMAGE[:512])
        content = disk.path.read_bytes()
    assert (error is None) == (times == 1)
    assert not any(content[-MIB:])
    assert error is None or f"reads back other bytes at {7 * MIB}" in str(error)


def test_the_ends_cannot_be_skipped() -> None:
    """Neither the front before it came, nor into the back."""
    with a_disk(lambda *_: None) as disk, closing(DiskWriter(disk)) as writer:
        for before, to in (0, 4 * MIB), (END_BYTES, 7 * MIB + 512):
            writer.write(bytes(before))
            with pytest.raises(ValueError, match="can't be skipped"):
                writer.skip_to(to)


def test_an_error_tells_where_it_happened() -> None:
    """The write's own offset, though it is noticed later."""

    def fault(call: str, offset: int, _length: int) -> int | None:
        if call == "pwrite" and offset == END_BYTES:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return None

    with a_disk(fault) as disk:
        error = install(disk, os.urandom(7 * MIB), MIB)
    assert isinstance(error, DeviceError)
    assert str(error).endswith(f"fails at byte {END_BYTES}: Input/output error")


def test_a_read_ends_where_the_device_ends() -> None:
    """Fewer bytes than asked for, however the device cuts them."""

    def cut(most: int) -> Fault:
        return lambda call, _at, _length: most if call == "pread" else None

    for most, expected in (4096, 10_000), (5000, 10_000), (100, 100):  # one that gives no page is at its end
        with a_disk(cut(most), 10_000) as disk:
            assert len(read(disk, 0, 20_000)) == expected
