"""The engine's storage: images and containers, in memory, with a limit, and a word when it is full."""

from collections.abc import Callable, Mapping

from osie.core.disk_space import DiskSpace
from osie.ramdisk.report import Reporter

_SHARE = 50  # percent of what is free when it is mounted; the rest is for what runs
_EASED_ABOVE = 0.10  # of the size is free: that it is full may be said again
_MIB = 1 << 20


def limit_mib(meminfo: Mapping[str, int]) -> int:
    """How large the storage may grow, by /proc/meminfo in MiB. The compressed root is in memory already."""
    return meminfo.get("MemAvailable", 0) * _SHARE // 100


class StorageWatch:
    """Says when the storage is full; whoever wanted to write fails, and tells its own part."""

    def __init__(self, reporter: Reporter, look: Callable[[], DiskSpace]) -> None:
        self._reporter = reporter
        self._look = look
        self._full = False

    def sample(self) -> None:
        """Look, and say it where it became full."""
        try:
            now = self._look()
        except OSError:
            return  # not mounted yet
        if not self._full and now.is_full:
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
