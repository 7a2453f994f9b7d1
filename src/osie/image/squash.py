"""Compressed read-only file systems, by mksquashfs: same tree, same bytes."""

import shutil
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
_SAME_BYTES = ("-all-time", EPOCH, "-all-root", "-no-xattrs", "-no-exports", "-no-progress", "-quiet")


def create(image: Path, tree: Path, compression: str) -> None:
    """Write what is in the folder as a new file system, in one of the FORMS."""
    run(["mksquashfs", tree, image, "-noappend", "-mkfs-time", EPOCH, *_SAME_BYTES, *FORMS[compression]])


def extend(base: Path, image: Path, tree: Path) -> None:
    """Write `base` with the folders in `tree` added at the top, where they must be new.

    What is in `base` is not compressed again: a change to a megabyte costs that megabyte.
    """
    shutil.copyfile(base, image)
    run(["mksquashfs", tree, image, "-no-recovery", "-mkfs-time", EPOCH, *_SAME_BYTES])
