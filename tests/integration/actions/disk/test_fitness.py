"""What is found out about a real disk before the first byte is written to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from osie.actions.disk.block_device import Claimed, DeviceError, claim
from osie.actions.disk.choice import used
from osie.actions.disk.fitness import check
from osie.actions.disk.inventory import Disk
from osie.actions.disk.writer import WriteError
from osie.core.process import run

MIB = 1 << 20


def gpt(sector: int) -> bytes:
    """The beginning of an image with a GUID partition table for this sector size."""
    header = b"EFI PART" + bytes(16) + (1).to_bytes(8, "little")
    return (bytes(sector) + header).ljust(2 * MIB, b"\0")


@contextmanager
def claimed(disk: Path) -> Iterator[Claimed]:
    """The disk, claimed."""
    with closing(claim(str(disk))) as found:
        yield found


@pytest.fixture
def disk_4kn(tmp_path: Path, attach: Callable[..., Path]) -> Path:
    """A disk with sectors of 4096 bytes."""
    file = tmp_path / "4kn"
    file.write_bytes(b"\xaa" * 8 * MIB)
    return attach(file, "--sector-size", "4096")


@pytest.mark.parametrize(("sector", "other"), [(512, 4096), (4096, 512)])
def test_an_image_for_other_sectors_is_refused(sector: int, other: int, disk: Path, disk_4kn: Path) -> None:
    """By its partition table, and by its manifest; one for these sectors isn't."""
    with claimed(disk if sector == 512 else disk_4kn) as found:
        check(found, raw_size=MIB, head=gpt(sector), sector_size=None)
        check(found, raw_size=None, head=bytes(MIB), sector_size=None)
        check(found, raw_size=None, head=gpt(other), sector_size=sector)  # who made it knows
        with pytest.raises(DeviceError, match=f"sectors of {other} bytes .its GPT.*have {sector}:"):
            check(found, raw_size=None, head=gpt(other), sector_size=None)
        with pytest.raises(DeviceError, match=f"sectors of {other} bytes .its manifest"):
            check(found, raw_size=None, head=bytes(MIB), sector_size=other)


def test_an_image_with_both_partition_tables_fits_either(disk: Path, disk_4kn: Path) -> None:
    """Such images exist; and the words alone, where no header is, mean nothing."""
    both = gpt(512)[:4096] + gpt(4096)[4096:]
    for path in (disk, disk_4kn):
        with claimed(path) as found:
            check(found, raw_size=None, head=both, sector_size=None)
            check(found, raw_size=None, head=bytes(512) + b"EFI PART" + bytes(8000), sector_size=None)
            check(found, raw_size=None, head=b"short", sector_size=None)


def test_an_image_that_is_too_large_is_refused(disk: Path) -> None:
    """With both sizes; one that just fits isn't."""
    with claimed(disk) as found:
        check(found, raw_size=8 * MIB, head=b"", sector_size=None)
        with pytest.raises(
            WriteError, match=r"larger than the disk: 8388609 bytes, and /dev/loop\d+ has 8388608"
        ):
            check(found, raw_size=8 * MIB + 1, head=b"", sector_size=None)


def test_a_disk_that_is_exchanged_is_noticed(tmp_path: Path, disk: Path, attach: Callable[..., Path]) -> None:
    """A node that leads elsewhere than when it was opened, or nowhere; a disk that changed its size."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    with claimed(file) as found:
        check(found, raw_size=MIB, head=gpt(4096), sector_size=4096)  # a file has any sector size
        file.unlink()
        with pytest.raises(DeviceError, match="file is gone"):
            check(found, raw_size=None, head=b"", sector_size=None)
        file.write_bytes(b"")
        with pytest.raises(DeviceError, match="has become another disk"):
            check(found, raw_size=None, head=b"", sector_size=None)
    with claimed(disk) as found:
        run(["truncate", "--size=16M", tmp_path / "disk"])
        run(["losetup", "--set-capacity", disk])
        with pytest.raises(DeviceError, match="has become another disk"):
            check(found, raw_size=None, head=b"", sector_size=None)


def test_a_mounted_disk_is_in_use(
    file_system: Path, looked_into: Callable[..., AbstractContextManager[Path]]
) -> None:
    """It can't be claimed, nor is it chosen; the reason says where it's mounted."""
    number = Path("/sys/class/block", file_system.name, "dev").read_text().strip()
    seen = Disk(file_system, number, MIB, "", (), (), "", (), "", False, False, False, False)
    assert not used(seen)
    with looked_into(file_system) as folder:
        expected = f"in use: {file_system.name} mounted at {folder}"
        with pytest.raises(DeviceError, match=expected):
            claim(str(file_system))
        assert expected in used(seen)
