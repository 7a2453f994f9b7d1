"""What can be wrong before our program runs: each is told on the console, in words, with what to check."""

import re
from pathlib import Path

import pytest

from osie.image.artifacts.squashfs import Reader

from .conftest import Booted, Ramdisks

FAILED = r"osie: rebooting in 60 s"


def _root_image(initramfs: bytes | bytearray) -> int:
    """Where the squashed root begins in the ramdisk."""
    return initramfs.index(b"hsqs", initramfs.index(b"root.squashfs\0"))


def _told(lines: list[str]) -> str:
    """The reason on the console; what to check comes right after it, whatever the kernel says meanwhile."""
    ours = [line for line in lines if not line.startswith("[")]
    (said,) = [number for number, line in enumerate(ours) if "osie: init failed" in line]
    assert ours[said + 1].startswith("osie: init check: ")
    reason = re.search(r'reason="(.*)"', ours[said])
    assert reason is not None
    return reason[1]


@pytest.mark.parametrize("place", ["superblock", "middle"])
async def test_a_damaged_ramdisk_does_not_start(
    ramdisk: Ramdisks, console: Booted, tmp_path: Path, place: str
) -> None:
    """One bit is flipped: the kernel's own check finds it, /init says so, and nothing of the root runs."""
    built = ramdisk("default")
    damaged = bytearray(built.initramfs.read_bytes())
    root = _root_image(damaged)
    damaged[root if place == "superblock" else root + (len(damaged) - root) // 2] ^= 0x10
    (tmp_path / "initramfs").write_bytes(damaged)
    lines = await console(built.kernel, tmp_path / "initramfs", 768, FAILED)
    assert _told(lines) == "the ramdisk is damaged: bad data checksum"
    assert not any("osie: init ok" in line for line in lines)


async def test_a_root_that_is_none_does_not_start(ramdisk: Ramdisks, console: Booted, tmp_path: Path) -> None:
    """Damage that leaves the sum of all bytes as it was, here two bytes exchanged, is found by the mount."""
    built = ramdisk("default")
    damaged = bytearray(built.initramfs.read_bytes())
    root = _root_image(damaged)
    damaged[root : root + 2] = b"sh"
    (tmp_path / "initramfs").write_bytes(damaged)
    lines = await console(built.kernel, tmp_path / "initramfs", 768, FAILED)
    assert _told(lines).startswith("the root image can't be mounted: ")


async def test_a_root_that_breaks_later_is_told_by_its_reader(
    ramdisk: Ramdisks, console: Booted, tmp_path: Path
) -> None:
    """Python can't be read: the console says so with the kernel's words, and the machine starts over."""
    built = ramdisk("default")
    damaged = bytearray(built.initramfs.read_bytes())
    root = _root_image(damaged)
    (tmp_path / "root").write_bytes(damaged[root:])
    for at in Reader(tmp_path / "root").blocks("usr/bin/python3.13")[::64]:
        damaged[root + at : root + at + 2] = damaged[root + at + 1], damaged[root + at]
    (tmp_path / "initramfs").write_bytes(damaged)
    lines = await console(built.kernel, tmp_path / "initramfs", 768, FAILED)
    (said,) = [line for line in lines if "osie: start failed" in line]
    assert "SQUASHFS error" in said


async def test_too_little_memory_is_told_with_figures(ramdisk: Ramdisks, console: Booted) -> None:
    """A machine with half of what the profile needs is told how much that is, and how much there is."""
    built = ramdisk("default")
    lines = await console(built.kernel, built.initramfs, built.manifest.memory_min_mib // 2, FAILED)
    needed, there = map(int, re.findall(r"(\d+) MiB", _told(lines)))
    assert needed == built.manifest.memory_min_mib
    assert needed // 2 * 3 // 4 < there < needed // 2
