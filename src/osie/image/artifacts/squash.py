"""Compressed read-only file systems, by mksquashfs: same tree, same bytes."""

import os
import shutil
import struct
from pathlib import Path

from osie.core.debian import EPOCH
from osie.core.process import run

# What each costs and gains in bytes and at boot is in docs/explanation/size.md. Blocks stay small, since a
# machine unpacks whole blocks. Without fragments a small file is a block of its own: of the shared ones, the
# kernel keeps three unpacked, and unpacks the others again for each file in them.
FORMS = {
    "zstd": ("-b", "256K", "-comp", "zstd", "-Xcompression-level", "19", "-no-fragments"),
    "zstd-dense": ("-b", "512K", "-comp", "zstd", "-Xcompression-level", "19", "-no-fragments"),
    "xz": ("-b", "256K", "-comp", "xz", "-Xbcj", "x86", "-no-fragments"),
}
_OURS = ("-all-time", EPOCH, "-all-root", "-no-xattrs")
_ALWAYS = ("-mkfs-time", EPOCH, "-no-exports", "-no-progress", "-quiet")
_FLAGS_AT, _NO_XATTRS = 24, 0x200  # in the superblock: the kernel's fs/squashfs/squashfs_fs.h


def create(image: Path, tree: Path, compression: str) -> None:
    """Write what is in the folder as a new file system, in one of the FORMS."""
    run(["mksquashfs", tree, image, "-noappend", *_ALWAYS, *_OURS, *FORMS[compression]])


def extend(base: Path, image: Path, tree: Path) -> None:
    """Write `base` with the folders in `tree` added at the top, where they must be new.

    What is in `base` is not compressed again: a change to a megabyte costs that megabyte.
    """
    shutil.copyfile(base, image)
    run(["mksquashfs", tree, image, "-no-recovery", *_ALWAYS, *_OURS])


def extend_as_it_is(base: Path, image: Path, tree: Path) -> None:
    """The same, with the tree's own owners, times and extended attributes: what others made stays so."""
    shutil.copyfile(base, image)
    with image.open("r+b") as file:  # mksquashfs adds to a file system what kinds of things are there already
        file.seek(_FLAGS_AT)
        (flags,) = struct.unpack("<H", file.read(2))
        file.seek(_FLAGS_AT)
        file.write(struct.pack("<H", flags & ~_NO_XATTRS))
    tree.chmod(0o755)  # the root takes it, and the time
    os.utime(tree, (int(EPOCH), int(EPOCH)))
    run(["mksquashfs", tree, image, "-no-recovery", *_ALWAYS, "-xattrs"])
