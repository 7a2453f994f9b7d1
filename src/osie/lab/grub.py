"""GRUB for the lab's OS, without a loop device: its images as bytes, and where a BIOS looks for them.

What grub-bios-setup does to a disk is small, and is done here to bytes instead:
grub-core/boot/i386/pc/boot.S and diskboot.S say where the numbers go.
"""

import struct
import tempfile
from pathlib import Path

from osie.core import host_tools
from osie.core.errors import OsieError
from osie.core.process import run

_MODULES = ("part_gpt", "ext2", "search", "search_fs_uuid", "linux", "normal", "configfile", "echo", "test")
_FOR_BIOS = ("biosdisk", "linux16")
_FOR_EFI = ("fat",)

SECTOR = 512
_BOOT_CODE = 440  # the disk's signature and partition table follow
_KERNEL_SECTOR = 0x5C  # GRUB_BOOT_MACHINE_KERNEL_SECTOR, 64 bits
_DRIVE_CHECK = 0x66  # GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump, made two NOPs for BIOSes that pass a wrong drive
_BLOCK_LIST = (
    SECTOR - 12
)  # in core.img's first sector: where the rest is: sector (64), count (16), segment (16)


def inputs() -> list[object]:
    """What GRUB's part of the image depends on besides this file: the host's GRUB."""
    return [run(["grub-mkimage", "--version"]).stdout]


def embedded_configuration(root_uuid: str) -> str:
    """What GRUB runs first: find the root file system and go on with the configuration there."""
    find = f"search --fs-uuid --set=root {root_uuid}"
    return f"{find}\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"


def configuration(kernel: str, initramfs: str, command_line: str) -> str:
    """/boot/grub/grub.cfg: no menu, no waiting.

    On a BIOS, `linux16` saves seconds under TCG: `linux` moves 58 MB (the kernel's init_size) byte by byte
    from 1 MiB to the address that the kernel prefers; seen with QEMU's `info registers`, GRUB 2.06.
    """
    return (
        "if [ $grub_platform = pc ]; then\n"
        f"  linux16 {kernel} {command_line}\n  initrd16 {initramfs}\n"
        f"else\n  linux {kernel} {command_line}\n  initrd {initramfs}\nfi\nboot\n"
    )


def make_image(target: str, root_uuid: str) -> bytes:
    """core.img for the target `i386-pc`, or an EFI program for `x86_64-efi`."""
    modules = _MODULES + (_FOR_BIOS if target == "i386-pc" else _FOR_EFI)
    with tempfile.TemporaryDirectory(prefix="osie-grub-") as name:
        embedded, output = Path(name) / "grub.cfg", Path(name) / "image"
        embedded.write_text(embedded_configuration(root_uuid))
        options = ["--format", target, "--output", str(output), "--config", str(embedded)]
        run(["grub-mkimage", *options, "--prefix", "/boot/grub", *modules])
        return output.read_bytes()


def boot_sector(core_at_sector: int) -> bytes:
    """The first 440 bytes of the disk, which load core.img from that sector."""
    code = bytearray(host_tools.GRUB_BIOS.path.read_bytes()[:_BOOT_CODE])
    struct.pack_into("<Q", code, _KERNEL_SECTOR, core_at_sector)
    code[_DRIVE_CHECK : _DRIVE_CHECK + 2] = b"\x90\x90"
    return bytes(code)


def placed(core: bytes, at_sector: int, room_bytes: int) -> bytes:
    """core.img for its place on the disk: its first sector is told where the second is."""
    if len(core) > room_bytes:
        raise OsieError(f"GRUB's core image has {len(core)} bytes, its partition {room_bytes}")
    image = bytearray(core)
    struct.pack_into("<Q", image, _BLOCK_LIST, at_sector + 1)
    return bytes(image)
