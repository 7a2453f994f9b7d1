"""The engine's storage, where it is full: said in words, for "No space left on device" names no device.

The worker is one of the engine's containers, and its root an overlay there: statvfs(3) of it tells the
figures of the file system that the engine stores everything on. In the ramdisk that is memory.
"""

import errno
import os
from pathlib import Path

from osie.core.disk_space import DiskSpace, disk_space

_OUT_OF_SPACE = os.strerror(errno.ENOSPC).lower()
_MIB = 1 << 20


def explain(full: DiskSpace) -> str:
    """What to tell whoever could not write."""
    return (
        f"the engine's storage, {full.size // _MIB} MiB of this machine's memory, is full:"
        " the action's image, or what it writes outside of a disk, is too large for it"
    )


def now() -> DiskSpace:
    """How much room the engine's storage has now."""
    return disk_space(Path("/"))


def out_of_space(text: str) -> bool:
    """Whether an engine or an action says that something is full: C, Go and Python use the same words."""
    return _OUT_OF_SPACE in text.lower()
