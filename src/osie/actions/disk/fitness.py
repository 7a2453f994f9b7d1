"""Whether an image may go onto a disk: asked once its first bytes are here, before any is written.

That the disk exists, is writable, and isn't mounted nor part of anything was found out by `claim`.
"""

import os
import stat

from osie.actions.content.partition_tables import gpt_sectors
from osie.actions.disk.block_device import Claimed, DeviceError
from osie.actions.disk.writer import too_large


def check(disk: Claimed, *, raw_size: int | None, head: bytes, sector_size: int | None) -> None:
    """Raise WriteError or DeviceError where the image can't be right on this disk.

    `raw_size` is its size in bytes where it's known, or the least that is; `head` its first 8 KiB, or all of
    it; `sector_size` what its manifest tells. A regular file has any sector size.
    """
    _check_identity(disk)
    if disk.size is None:
        return
    if raw_size is not None and raw_size > disk.size:
        raise too_large(raw_size, disk)
    made_for = {sector_size} if sector_size is not None else gpt_sectors(head)
    if made_for and disk.sector not in made_for:
        made = " or ".join(str(size) for size in sorted(made_for))
        evidence = "its manifest says so" if sector_size is not None else "its GPT is where those have it"
        raise DeviceError(
            f"the image is for disks with sectors of {made} bytes ({evidence}), and those of {disk.path} have"
            f" {disk.sector}: no partition would be found",
            hint=f"make the image for sectors of {disk.sector} bytes, or take another disk",
        )


def _check_identity(disk: Claimed) -> None:
    """Raise DeviceError where the node has come to mean another device, or the disk another size."""
    opened = os.fstat(disk.descriptor)
    try:
        named = disk.path.stat()
    except OSError as error:
        raise DeviceError(f"{disk.path} is gone: {error.strerror}") from error
    same = (
        opened.st_rdev == named.st_rdev
        if stat.S_ISBLK(opened.st_mode)
        else (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)
    )
    if not same or (disk.size is not None and os.lseek(disk.descriptor, 0, os.SEEK_END) != disk.size):
        raise DeviceError(f"{disk.path} has become another disk since it was opened")
