"""Drivers that load firmware find it: the root has the files before udev loads the drivers."""

from .conftest import Booted, Ramdisks


async def test_a_nic_that_needs_firmware_comes_up(ramdisk: Ramdisks, console: Booted) -> None:
    """The driver of an Intel 82551, e100, refuses to bring the NIC up without a file for it."""
    built = ramdisk("default")
    memory_mib = built.manifest.memory_min_mib
    until = "NIC Link is Up|Failed to load firmware"  # e100's words for either
    lines = await console(built.kernel, built.initramfs, memory_mib, until, card="i82551")
    (said,) = [line for line in lines if "NIC Link is Up" in line]
    assert "e100" in said
