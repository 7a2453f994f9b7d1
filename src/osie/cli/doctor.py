"""`osie doctor`: what the host lacks, and which package brings it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from osie.core.errors import OsieError
from osie.core.process import clean_environment


@dataclass(frozen=True)
class Need:
    """A program (by name) or a file (by path) that some part of Osie calls."""

    what: str
    package: str  # Debian's
    used_for: str  # build, serve or lab

    def present(self) -> bool:
        """Whether it is there."""
        if self.what.startswith("/"):
            return Path(self.what).exists()
        return shutil.which(self.what, path=clean_environment()["PATH"]) is not None


NEEDS = (
    Need("mmdebstrap", "mmdebstrap", "build"),
    Need("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring", "build"),
    Need("mksquashfs", "squashfs-tools", "build"),
    Need("depmod", "kmod", "build"),
    Need("xz", "xz-utils", "build"),
    Need("zstd", "zstd", "build"),
    Need("dnsmasq", "dnsmasq-base", "serve"),
    Need("setpriv", "util-linux", "serve"),
    Need("ip", "iproute2", "lab"),
    Need("qemu-system-x86_64", "qemu-system-x86", "lab"),
    Need("qemu-img", "qemu-utils", "lab"),
    Need("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf", "lab"),
    Need("/usr/share/seabios/bios-256k.bin", "seabios", "lab"),
    Need("/usr/lib/ipxe/qemu/pxe-virtio.rom", "ipxe-qemu", "lab"),
    Need("cpio", "cpio", "lab"),
    Need("sfdisk", "fdisk", "lab"),
    Need("mcopy", "mtools", "lab"),
    Need("mkfs.vfat", "dosfstools", "lab"),
    Need("mke2fs", "e2fsprogs", "lab"),
    Need("grub-mkimage", "grub-common", "lab"),
    Need("/usr/lib/grub/i386-pc/boot.img", "grub-pc-bin", "lab"),
    Need("/usr/lib/grub/x86_64-efi/moddep.lst", "grub-efi-amd64-bin", "lab"),
)


def missing(*used_for: str) -> list[Need]:
    """The needs of these parts (all of them when none is named) that this host lacks."""
    return [n for n in NEEDS if (not used_for or n.used_for in used_for) and not n.present()]


def require(*used_for: str) -> None:
    """Raise one OsieError that names everything missing for these parts, and being root."""
    if os.geteuid() != 0:
        raise OsieError("this needs root: it builds root trees and network namespaces", hint="use sudo")
    lacking = missing(*used_for)
    if lacking:
        raise OsieError(
            f"this host lacks {', '.join(n.what for n in lacking)}",
            hint="apt-get install " + " ".join(sorted({n.package for n in lacking})),
        )


@click.command()
def doctor() -> int:
    """Say what this host lacks, and how to get it. Exits with 1 where anything is missing."""
    console = Console()
    table = Table("needed", "for", "state", "Debian package", box=None, pad_edge=False)
    for need in NEEDS:
        state = "[green]ok[/]" if need.present() else "[red]missing[/]"
        table.add_row(need.what, need.used_for, state, need.package)
    root = os.geteuid() == 0
    table.add_row("root", "build, lab", "[green]ok[/]" if root else "[red]missing[/]", "")
    console.print(table)
    lacking = missing()
    if lacking:
        packages = " ".join(sorted({n.package for n in lacking}))
        console.print(f"\nGet what is missing: [bold]apt-get install {packages}[/]")
    if not root:
        console.print("\nRun as root to build and to use the lab.")
    if not lacking and root:
        console.print("\nThis host has everything.")
    return 1 if lacking or not root else 0
