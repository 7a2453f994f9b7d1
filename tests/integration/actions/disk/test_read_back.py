"""A disk that doesn't keep what it took is found out, and one that was half written is gone on with."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from faulty_disk import FaultyDisk, corrupt

from osie.actions.disk.block_device import Claimed, DeviceError, claim
from osie.actions.disk.device import Device
from osie.actions.disk.hashes import NotedHashes
from osie.actions.disk.readback import read_back
from osie.actions.disk.resume import first_wrong_block
from osie.actions.disk.writer import DiskWriter, WriteError

MIB = 1 << 20
BLOCK = 4 * MIB
SIZE = 16 * MIB


@pytest.fixture(scope="module")
def image() -> bytes:
    """A raw image of 16 MiB but one sector: noise, with a hole of 5 MiB."""
    return os.urandom(5 * MIB) + bytes(5 * MIB) + os.urandom(6 * MIB - 512)


@pytest.fixture(params=["512", "4096", "file"])
def target(request: pytest.FixtureRequest, tmp_path: Path, attach: Callable[..., Path]) -> Path:
    """A disk just as large, a larger one with larger sectors, a regular file: all full of old things."""
    file = tmp_path / "target"
    file.write_bytes(b"\xaa" * (SIZE + 8 * MIB * (request.param == "4096")))
    if request.param == "file":
        return file
    return attach(file, "--sector-size", request.param)


@contextmanager
def claimed(path: Path) -> Iterator[Claimed]:
    """The disk, claimed."""
    with closing(claim(str(path))) as disk:
        yield disk


def noted(image: bytes) -> NotedHashes:
    """The image's hashes."""
    hashes = NotedHashes()
    hashes.add(image)
    return hashes


def written(disk: Device, image: bytes, piece: int = MIB) -> DiskWriter:
    """A writer that has taken all of the image, and synced."""
    writer = DiskWriter(disk)
    writer.erase_ends()
    for start in range(0, len(image), piece):
        writer.write(image[start : start + piece])
    writer.sync()
    return writer


def ends_are_zero(path: Path) -> bool:
    """Whether nothing on the disk boots."""
    content = path.read_bytes()
    return not any(content[:MIB]) and not any(content[-MIB:])


@pytest.mark.parametrize("piece", [MIB, 3333 * 512])
def test_what_was_written_is_read_back(target: Path, image: bytes, piece: int) -> None:
    """In every mode, before the ends are written; afterwards all of the image is there."""
    with claimed(target) as disk:
        writer = written(disk, image, piece)
        hashes = noted(image)
        told: list[tuple[int, int]] = []
        assert read_back(disk, hashes, "full", ends=writer.ends, tell=lambda *now: told.append(now)) == len(
            image
        )
        assert told[-1] == (len(image), len(image))
        assert read_back(disk, hashes, "sample", ends=writer.ends) == len(image)  # so few are all taken
        assert read_back(disk, hashes, "off", ends=writer.ends) == 0
        assert ends_are_zero(target) or target.stat().st_size == len(image)
        writer.finish()
    assert target.read_bytes()[: len(image)] == image


@pytest.mark.parametrize("place", [MIB, 6 * MIB, SIZE - MIB - 600])
def test_one_altered_bit_is_found(target: Path, image: bytes, place: int) -> None:
    """In data and in holes, up to where the ends begin; the error tells the block, and nothing boots."""
    with claimed(target) as disk:
        writer = written(disk, image)
        corrupt(target, place)
        with pytest.raises(WriteError, match=f"from {place // BLOCK * BLOCK} on"):
            read_back(disk, noted(image), "full", ends=writer.ends)
    assert not any(target.read_bytes()[:MIB])


@pytest.mark.parametrize("loses", ["pwrite", "zero"])
def test_a_lost_write_is_found(loses: str, target: Path, image: bytes) -> None:
    """A disk that says it wrote, or zeroed, and didn't: before anything on it could boot."""
    calls: list[int] = []

    def lose(call: str, offset: int, length: int) -> int | None:
        if call == loses and offset >= MIB:
            calls.append(offset)
            return length if len(calls) == 2 or loses == "zero" else None
        return None

    with claimed(target) as disk:
        lying = FaultyDisk(disk, lose, loses=True)
        writer = DiskWriter(lying)
        writer.erase_ends(keep=True)
        for start in range(0, len(image), MIB):
            writer.write(image[start : start + MIB])
        writer.sync()
        if loses == "zero":  # seen at once, and made good for by writing them
            read_back(lying, noted(image), "full", ends=writer.ends)
        else:
            with pytest.raises(WriteError, match="reads back other bytes"):
                read_back(lying, noted(image), "full", ends=writer.ends)
    assert calls
    assert not any(target.read_bytes()[:MIB])


def test_a_disk_that_cannot_be_read_is_an_error(target: Path, image: bytes) -> None:
    """Not a difference: the disk is to blame, and the system says why."""

    def fail(call: str, offset: int, _length: int) -> int | None:
        if call == "pread" and offset == 4 * MIB:
            raise OSError(5, os.strerror(5))
        return None

    with claimed(target) as disk:
        writer = written(disk, image)
        with pytest.raises(DeviceError, match="can't be read back: Input/output error"):
            read_back(FaultyDisk(disk, fail), noted(image), "full", ends=writer.ends)


@pytest.mark.parametrize("there", [3 * MIB, 13 * MIB, SIZE])
def test_a_disk_that_was_left_half_written_is_gone_on_with(target: Path, image: bytes, there: int) -> None:
    """What is on it up to the first block that differs stays; the result is the whole image."""
    hashes = noted(image)
    with claimed(target) as disk:  # power went: the front end was not written yet
        writer = DiskWriter(disk)
        writer.erase_ends()
        for start in range(0, min(there, len(image)), MIB):
            writer.write(image[start : start + MIB])
        writer.sync()
    with claimed(target) as disk:
        first = first_wrong_block(disk, hashes)
        expected = 1 if there <= BLOCK else min(there // BLOCK, SIZE // BLOCK)
        assert expected - 1 <= first <= expected  # the end of a file, or of the disk, is held back
        writer = DiskWriter(disk)
        writer.erase_ends(keep=True)
        writer.write(image[:BLOCK])
        writer.skip_to(min(first * BLOCK, len(image)))
        writer.write(image[first * BLOCK :])
        writer.sync()
        read_back(disk, hashes, "full", ends=writer.ends)
        writer.finish()
    assert target.read_bytes()[: len(image)] == image


def test_a_disk_with_another_image_is_begun_anew(target: Path, image: bytes) -> None:
    """Block 1 differs; and where every block is right, the ends are written again all the same."""
    with claimed(target) as disk:
        assert first_wrong_block(disk, noted(image)) == 1
        written(disk, image).finish()
        first = first_wrong_block(disk, noted(image))
        assert first >= SIZE // BLOCK - 1
        size = len(image) if disk.size is None else disk.size
        assert first * BLOCK <= size - MIB
