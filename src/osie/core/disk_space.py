"""How much room a file system has, and when that is next to nothing."""

import os
from pathlib import Path
from typing import NamedTuple

_FULL_BELOW = 0.03  # of the size is free


class DiskSpace(NamedTuple):
    """A file system's size and what is free of it, in bytes."""

    size: int
    free: int

    @property
    def is_full(self) -> bool:
        """Whether next to nothing can be written."""
        return self.free < self.size * _FULL_BELOW


def disk_space(folder: Path) -> DiskSpace:
    """How much room is below the folder (statvfs(3)). Raises OSError."""
    told = os.statvfs(folder)
    return DiskSpace(told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize)
