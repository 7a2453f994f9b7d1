"""The writer on a regular file, and its parts: short writes, runs of zeroes, ends that come last."""

import errno
import os
from pathlib import Path

import pytest
from faulty_disk import FaultyDisk
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.disk.block_device import DeviceError, claim, wait_for_node
from osie.actions.disk.device import write_all
from osie.actions.disk.ends import END_BYTES
from osie.actions.disk.writer import DiskWriter, WriteError
from osie.actions.disk.zero_runs import runs

GRAIN = 256 << 10


@given(st.binary(max_size=200), st.lists(st.integers(1, 50)))
def test_short_writes_are_continued(data: bytes, takes: list[int]) -> None:
    """However little the device takes at a time, all bytes arrive where they belong."""
    device = bytearray(300)
    limits = iter(takes)

    def write(part: memoryview, offset: int) -> int:
        count = min(next(limits, 7), len(part))
        device[offset : offset + count] = part[:count]
        return count

    write_all(memoryview(data), 100, write)
    assert device == bytes(100) + data + bytes(200 - len(data))


def test_a_device_that_takes_nothing_is_an_error() -> None:
    """Not an endless loop."""
    with pytest.raises(OSError, match="takes no more") as caught:
        write_all(memoryview(b"x"), 0, lambda _part, _offset: 0)
    assert caught.value.errno == errno.EIO


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 3 * GRAIN)), min_size=1, max_size=5),
    st.integers(0, GRAIN),
    st.integers(0, GRAIN),
)
def test_runs_cover_everything_once(parts: list[tuple[bool, int]], offset: int, begin: int) -> None:
    """They follow each other without a gap; zero runs hold zeroes and start and end at whole grains."""
    data = b"".join((b"\1" if filled else b"\0") * size for filled, size in parts)
    begin = min(begin, len(data))
    position = begin
    for start, end, is_zero in runs(data, offset, begin, len(data)):
        assert start == position < end
        if is_zero:
            assert not data[start:end].strip(b"\0")
            assert (offset + start) % GRAIN == (offset + end) % GRAIN == 0
        position = end
    assert position == len(data)


def test_both_ends_come_last(tmp_path: Path) -> None:
    """Until `finish`, a file's ends read as zeroes, whatever was there and whatever was written."""
    target = tmp_path / "disk"
    target.write_bytes(b"\xaa" * 4 * END_BYTES)
    disk = claim(str(target))
    try:
        writer = DiskWriter(disk)
        writer.erase_ends()
        image = os.urandom(3 * END_BYTES - 512)
        for start in range(0, len(image), END_BYTES):
            writer.write(image[start : start + END_BYTES])
        writer.sync()
        assert target.read_bytes() == bytes(END_BYTES) + image[END_BYTES:-END_BYTES] + bytes(END_BYTES)
        writer.finish()
        assert target.read_bytes() == image
    finally:
        disk.close()


def test_a_disk_that_reads_back_other_bytes_is_made_unbootable_again(tmp_path: Path) -> None:
    """A disk that doesn't keep what it was given (here: the first sector) isn't left to boot from."""
    target = tmp_path / "disk"
    target.touch()
    disk = claim(str(target))
    written: list[int] = []

    def lose_the_last(call: str, offset: int, length: int) -> int | None:
        if call == "pwrite" and offset == 0:
            written.append(length)
            return length if len(written) == 1 else None
        return None

    try:
        writer = DiskWriter(FaultyDisk(disk, lose_the_last, loses=True))
        writer.erase_ends()
        writer.write(b"boot" * 512)
        writer.sync()
        with pytest.raises(WriteError, match="reads back other bytes at 0 than were written"):
            writer.finish()
        assert written[0] == disk.sector
        assert not target.read_bytes().strip(b"\0")
    finally:
        disk.close()


def test_a_folder_is_no_disk(tmp_path: Path) -> None:
    """Nor is a character device."""
    for path in (str(tmp_path), "/dev/null"):
        with pytest.raises(DeviceError, match="neither a block device nor a regular file"):
            claim(path)


def test_waiting_for_a_node_ends(tmp_path: Path) -> None:
    """With the path, and with what is there instead."""
    (tmp_path / "sda").touch()
    with pytest.raises(DeviceError, match=r"sdb doesn't exist \(waited 0 s\)") as caught:
        wait_for_node(str(tmp_path / "sdb"), timeout_s=0)
    assert "sda" in caught.value.hint
