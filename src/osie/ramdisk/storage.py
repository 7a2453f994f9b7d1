"""The engine's storage: images and containers, in memory, with a limit, and a word when it is full."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from osie.ramdisk.report import Reporter

_SHARE = 50  # percent of what is free when it is mounted; the rest is for what runs
_FULL_BELOW = 0.03  # of the size is free: said once
_EASED_ABOVE = 0.10  # of the size is free: it may be said again
_MIB = 1 << 20


def limit_mib(meminfo: Mapping[str, int]) -> int:
    """How large the storage may grow, by /proc/meminfo in MiB. The compressed root is in memory already."""
    return meminfo.get("MemAvailable", 0) * _SHARE // 100


@dataclass(frozen=True)
class Room:
    """A file system's size and what is free of it, in bytes."""

    size: int
    free: int


def room(folder: Path) -> Room:
    """How much room is below the folder (statvfs(3))."""
    told = os.statvfs(folder)
    return Room(told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize)


class StorageWatch:
    """Says when the storage is full; whoever wanted to write fails, and tells its own part."""

    def __init__(self, reporter: Reporter, look: Callable[[], Room]) -> None:
        self._reporter = reporter
        self._look = look
        self._full = False

    def sample(self) -> None:
        """Look, and say it where it became full."""
        try:
            now = self._look()
        except OSError:
            return  # not mounted yet
        if not self._full and now.free < now.size * _FULL_BELOW:
            self._full = True
            self._reporter.event(
                "storage-full",
                free_mib=now.free // _MIB,
                size_mib=now.size // _MIB,
                reason="the engine's storage is full: no image fits any more, and no action can write there",
            )
            self._reporter.say("osie: storage-full check: the size of the action's image, and what it writes")
        elif self._full and now.free > now.size * _EASED_ABOVE:
            self._full = False
            self._reporter.event("storage-eased", free_mib=now.free // _MIB, size_mib=now.size // _MIB)
