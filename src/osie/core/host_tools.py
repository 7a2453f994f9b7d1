"""What Osie uses of its host: programs and files, the Debian package of each, and where each release has it.

The one place that tells releases apart: a path that differs, an option that one version lacks.
tests/integration/core/test_host_tools.py holds it against the packages of Debian 12 and 13 and Ubuntu 24.04.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from osie.core.process import clean_environment

Part = Literal["build", "serve", "lab", "image"]


@dataclass(frozen=True)
class Need:
    """A program (looked up on PATH), or a file, that a part of Osie uses."""

    name: str
    package: str  # Debian's
    part: Part  # which needs it first; "lab" needs the others' too
    places: tuple[str, ...] = ()  # of a file: its paths in the releases that there are, the newest first

    def found(self) -> Path | None:
        """Where this host has it; None where it doesn't."""
        if self.places:
            return next((path for place in self.places if (path := Path(place)).exists()), None)
        program = shutil.which(self.name, path=clean_environment()["PATH"])
        return Path(program) if program else None

    @property
    def path(self) -> Path:
        """Where it is; where it is missing, the place that an error message names."""
        return self.found() or Path(self.places[0] if self.places else self.name)


DEBIAN_KEYRING = Need(
    "debian-archive-keyring.gpg",
    "debian-archive-keyring",
    "build",
    ("/usr/share/keyrings/debian-archive-keyring.gpg",),
)
APT_HELPER = Need("apt-helper", "apt", "build", ("/usr/lib/apt/apt-helper",))
OVMF_CODE = Need("OVMF_CODE_4M.fd", "ovmf", "lab", ("/usr/share/OVMF/OVMF_CODE_4M.fd",))
OVMF_VARIABLES = Need("OVMF_VARS_4M.fd", "ovmf", "lab", ("/usr/share/OVMF/OVMF_VARS_4M.fd",))
# These two QEMU finds by itself: `qemu-system-x86_64 -L help` prints where it looks.
SEABIOS = Need("bios-256k.bin", "seabios", "lab", ("/usr/share/seabios/bios-256k.bin",))
NIC_ROM = Need(  # what virtio-net-pci has unless told otherwise, on a BIOS too
    "efi-virtio.rom",
    "ipxe-qemu",
    "lab",
    ("/usr/share/qemu/efi-virtio.rom", "/usr/lib/ipxe/qemu/efi-virtio.rom"),  # Debian 13, Debian 12
)
GRUB_BIOS = Need("boot.img", "grub-pc-bin", "lab", ("/usr/lib/grub/i386-pc/boot.img",))
GRUB_EFI = Need("moddep.lst", "grub-efi-amd64-bin", "lab", ("/usr/lib/grub/x86_64-efi/moddep.lst",))

NEEDS = (
    Need("mmdebstrap", "mmdebstrap", "build"),
    DEBIAN_KEYRING,
    Need("apt-get", "apt", "build"),
    Need("apt-cache", "apt", "build"),
    APT_HELPER,
    Need("dpkg-deb", "dpkg", "build"),
    Need("mksquashfs", "squashfs-tools", "build"),
    Need("depmod", "kmod", "build"),
    Need("modinfo", "kmod", "build"),
    Need("sync", "coreutils", "build"),
    Need("zstd", "zstd", "build"),
    Need("dnsmasq", "dnsmasq-base", "serve"),
    Need("setpriv", "util-linux", "serve"),
    Need("ip", "iproute2", "lab"),
    Need("qemu-system-x86_64", "qemu-system-x86", "lab"),
    Need("qemu-img", "qemu-utils", "lab"),
    OVMF_CODE,
    OVMF_VARIABLES,
    SEABIOS,
    NIC_ROM,
    Need("cpio", "cpio", "lab"),
    Need("tar", "tar", "lab"),
    Need("sfdisk", "fdisk", "lab"),
    Need("mmd", "mtools", "lab"),
    Need("mcopy", "mtools", "lab"),
    Need("mkfs.vfat", "dosfstools", "lab"),
    Need("mke2fs", "e2fsprogs", "lab"),
    Need("tune2fs", "e2fsprogs", "lab"),
    Need("debugfs", "e2fsprogs", "lab"),
    Need("grub-mkimage", "grub-common", "lab"),
    GRUB_BIOS,
    GRUB_EFI,
    Need("gpgv", "gpgv", "image"),
)


def ext4_summary(file_system: str) -> list[str]:
    """The command that prints a file system's superblock; `FILE?offset=N` is one inside a disk's image.

    Not dumpe2fs -h: that of e2fsprogs 1.47.2 (Debian 13) doesn't take an offset.
    """
    return ["tune2fs", "-l", file_system]
