"""The lab OS's disk: a GPT that BIOS and UEFI start from, filled without mounts or loop devices.

Every number that tools would draw at random is fixed here, so that same inputs give same bytes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from osie.core import host_tools
from osie.core.debian import EPOCH
from osie.core.errors import OsieError
from osie.core.process import run
from osie.lab import grub

MIB = 1 << 20
ROOT_UUID = "05e10500-0000-4000-8000-000000000003"
_DISK_UUID = "05E10500-0000-4000-8000-000000000000"
_HASH_SEED = "05e10500-0000-4000-8000-0000000000ff"
_ESP_SERIAL = "05E10500"
# What GRUB 2.06 reads and what Linux needs, named one by one: mke2fs' own defaults differ from host to host.
_FEATURES = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,"
    "sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
)


@dataclass(frozen=True)
class Partition:
    """A partition of the lab's disk."""

    number: int
    start_mib: int
    size_mib: int
    type: str  # sfdisk's alias or the type's UUID

    @property
    def sector(self) -> int:
        """Where it starts."""
        return self.start_mib * MIB // grub.SECTOR


BIOS_BOOT = Partition(1, 1, 1, "21686148-6449-6E6F-744E-656564454649")
ESP = Partition(2, 2, 14, "uefi")
ROOT = Partition(3, 16, 1519, "linux")
SIZE_MIB = 1536  # more than the memory of the demo's machine, on purpose
PARTITIONS = (BIOS_BOOT, ESP, ROOT)
_ROOT_INODE, _FIRST_INODE = 2, 11  # ext4: those between are the file system's own


def partition_table() -> str:
    """The partition table as sfdisk reads it."""
    head = f"label: gpt\nlabel-id: {_DISK_UUID}\nunit: sectors\n"
    lines = [
        f"start={p.sector}, size={p.size_mib * MIB // grub.SECTOR}, type={p.type},"
        f" uuid={_DISK_UUID[:-1]}{p.number}\n"
        for p in PARTITIONS
    ]
    return head + "".join(lines)


def create(disk: Path, root: Path) -> None:
    """Write the disk with the tree `root` in its root partition to `disk`, a sparse file."""
    with disk.open("wb") as file:
        file.truncate(SIZE_MIB * MIB)
    run(["sfdisk", "--quiet", disk], input=partition_table().encode())
    _write_boot_code(disk)
    _create_esp(disk)
    _create_root(disk, root)


def _write_boot_code(disk: Path) -> None:
    core = grub.make_image("i386-pc", ROOT_UUID)
    with disk.open("r+b") as file:
        file.write(grub.boot_sector(BIOS_BOOT.sector))
        file.seek(BIOS_BOOT.start_mib * MIB)
        file.write(grub.placed(core, BIOS_BOOT.sector, BIOS_BOOT.size_mib * MIB))


def _create_esp(disk: Path) -> None:
    program = grub.make_image("x86_64-efi", ROOT_UUID)
    kib = ESP.size_mib * 1024
    options = ["--invariant", "-F", "16", "-i", _ESP_SERIAL, "--offset", str(ESP.sector)]
    run(["mkfs.vfat", *options, disk, str(kib)])
    image = f"{disk}@@{ESP.start_mib}M"
    epoch = {"SOURCE_DATE_EPOCH": EPOCH, "MTOOLS_SKIP_CHECK": "1"}
    run(["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"], env=epoch)
    run(["mcopy", "-i", image, "-", "::/EFI/BOOT/BOOTX64.EFI"], input=program, env=epoch)


def _create_root(disk: Path, root: Path) -> None:
    options = ["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-N", "32768", "-m", "0", "-J", "size=16"]
    extended = f"offset={ROOT.start_mib * MIB},hash_seed={_HASH_SEED},lazy_itable_init=0,lazy_journal_init=0"
    names = [
        "-U",
        ROOT_UUID,
        "-L",
        "lab-root",
        "-O",
        _FEATURES,
        "-E",
        f"{extended},nodiscard",
        "-d",
        str(root),
    ]
    run(["mke2fs", *options, *names, disk, f"{ROOT.size_mib}M"], env={"E2FSPROGS_FAKE_TIME": EPOCH})
    _date_inodes(disk)


def _date_inodes(disk: Path) -> None:
    """Set the inodes' change and creation times: mke2fs -d takes them from our unpacked tree, so: now."""
    device = f"{disk}?offset={ROOT.start_mib * MIB}"
    used = used_inodes(run(host_tools.ext4_summary(device)).stdout)
    fields = ("atime", "atime_extra", "ctime", "ctime_extra", "crtime", "crtime_extra", "mtime_extra")
    values = {field: "0" if field.endswith("_extra") else f"@{EPOCH}" for field in fields}
    inodes = (_ROOT_INODE, *range(_FIRST_INODE, used + 1))
    commands = [f"set_inode_field <{inode}> {field} {values[field]}" for inode in inodes for field in fields]
    run(
        ["debugfs", "-w", "-f", "-", device],
        input="\n".join(commands).encode(),
        env={"E2FSPROGS_FAKE_TIME": EPOCH},
    )


def used_inodes(summary: str) -> int:
    """How many inodes are in use, from `ext4_summary`; mke2fs -d takes them one after the other."""
    total, free = (re.search(rf"^{name}: +(\d+)$", summary, re.M) for name in ("Inode count", "Free inodes"))
    if total is None or free is None:
        raise OsieError("tune2fs told neither how many inodes there are nor how many are free")
    return int(total[1]) - int(free[1])
