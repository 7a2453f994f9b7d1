"""What the kernel says that a person must know: it ended something, or the root is damaged."""

import contextlib
import re
from pathlib import Path

from osie.core.files import write_atomically
from osie.core.kmsg import records
from osie.ramdisk.daemon import RUN
from osie.ramdisk.report import Reporter

_KILLED = re.compile(r"^(?:Memory cgroup out|Out) of memory: Killed process (\d+) \((.*?)\)")
_DAMAGED = re.compile(r"^SQUASHFS error: .*")


def message(record: str) -> str:
    """The text of one record, without its head and its details."""
    return record.partition(";")[2].partition("\n")[0]


def number(record: str) -> int:
    """The record's number, which grows from boot on."""
    fields = record.partition(";")[0].split(",")
    return int(fields[1]) if len(fields) > 1 and fields[1].isdecimal() else 0


class KernelLog:
    """Follows the kernel's log, from its beginning, or from what an earlier run of ours told last."""

    def __init__(self, reporter: Reporter, told: Path = RUN / "kernel-log") -> None:
        """`told` keeps the number of the last record that was worth telling."""
        self._reporter = reporter
        self._told = told
        self._damaged = False

    def follow(self, device: Path = Path("/dev/kmsg")) -> None:
        """Read until the machine ends."""
        last = self._last()
        for record in records(device, follow=True):
            if number(record) > last and self.hear(message(record)):
                with contextlib.suppress(OSError):  # /run is full: then a later run of ours says it again
                    write_atomically(self._told, str(number(record)))

    def _last(self) -> int:
        try:
            return int(self._told.read_text())
        except (OSError, ValueError):
            return -1

    def hear(self, text: str) -> bool:
        """Take one message; whether it was worth telling."""
        if killed := _KILLED.match(text):
            self._reporter.event(
                "out-of-memory",
                killed=killed[2],
                pid=int(killed[1]),
                reason="the machine's memory was used up; the kernel ended what used most of it",
            )
            return True
        if _DAMAGED.match(text) and not self._damaged:
            self._damaged = True  # once: each read of that block says it again
            self._reporter.event("root-damaged", reason=f"the compressed root can't be read: {text}")
            self._reporter.say(
                "osie: root-damaged check: this machine's memory, for it was whole when it was unpacked;"
                " unless an action reads a squashfs of its own"
            )
            return True
        return False
