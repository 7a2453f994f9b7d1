"""Compressed read-only file systems, by mksquashfs: same tree, same bytes."""

import shutil
from pathlib import Path

from osie.core.debian import EPOCH
from osie.core.process import run

BLOCK_BYTES = 256 << 10
# Sizes of the default root (306 MB), 2026-11: zstd 15 86.0 MB, zstd 19 85.3, zstd 19 in blocks of 1 MiB 81.6,
# xz 77.4. Unpacked on one processor of a busy host: zstd 1 to 3 s, xz 5 s; a booting machine waits for that.
# Blocks stay small, since a machine unpacks whole blocks: what larger ones cost at boot wasn't measured.
COMPRESSION = ("-comp", "zstd", "-Xcompression-level", "15")
_SAME_BYTES = ("-all-time", EPOCH, "-all-root", "-no-xattrs", "-no-exports", "-no-progress", "-quiet")


def create(image: Path, tree: Path) -> None:
    """Write what is in the folder as a new file system."""
    form = ("-noappend", "-mkfs-time", EPOCH, "-b", str(BLOCK_BYTES))
    run(["mksquashfs", tree, image, *form, *_SAME_BYTES, *COMPRESSION])


def extend(base: Path, image: Path, tree: Path) -> None:
    """Write `base` with the folders in `tree` added at the top, where they must be new.

    What is in `base` is not compressed again: a change to a megabyte costs that megabyte.
    """
    shutil.copyfile(base, image)
    run(["mksquashfs", tree, image, "-no-recovery", "-mkfs-time", EPOCH, *_SAME_BYTES])
