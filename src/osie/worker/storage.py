"""The engine's storage, where it is full: said in words, for "No space left on device" names no device.

The worker is one of the engine's containers, and its root an overlay there: statvfs(3) of it tells the
figures of the file system that the engine stores everything on. In the ramdisk that is memory.
"""

import errno
import os
from dataclasses import dataclass

_OUT_OF_SPACE = os.strerror(errno.ENOSPC).lower()
_FULL_BELOW = 0.03  # of the size is free
_MIB = 1 << 20


@dataclass(frozen=True)
class Room:
    """A file system's size and what is free of it, in bytes."""

    size: int
    free: int

    @property
    def is_full(self) -> bool:
        """Whether next to nothing can be written."""
        return self.free < self.size * _FULL_BELOW

    def explain(self) -> str:
        """What to tell whoever could not write."""
        return (
            f"the engine's storage, {self.size // _MIB} MiB of this machine's memory, is full:"
            " the action's image, or what it writes outside of a disk, is too large for it"
        )


def room(root: str = "/") -> Room:
    """How much room the engine's storage has now."""
    told = os.statvfs(root)
    return Room(told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize)


def out_of_space(text: str) -> bool:
    """Whether an engine or an action says that something is full: C, Go and Python use the same words."""
    return _OUT_OF_SPACE in text.lower()
