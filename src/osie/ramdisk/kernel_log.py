"""What the kernel says that a person must know: it ended something, or the root is damaged."""

import re
from pathlib import Path

from osie.core.kmsg import records
from osie.ramdisk.report import Reporter

_KILLED = re.compile(r"^(?:Memory cgroup out|Out) of memory: Killed process (\d+) \((.*?)\)")
_DAMAGED = re.compile(r"^SQUASHFS error: .*")


def message(record: str) -> str:
    """The text of one record, without its head and its details."""
    return record.partition(";")[2].partition("\n")[0]


class KernelLog:
    """Follows the kernel's log, from its beginning."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._damaged = False

    def follow(self, device: Path = Path("/dev/kmsg")) -> None:
        """Read until the machine ends."""
        for record in records(device, follow=True):
            self.hear(message(record))

    def hear(self, text: str) -> None:
        """Take one message."""
        if killed := _KILLED.match(text):
            self._reporter.event(
                "out-of-memory",
                killed=killed[2],
                pid=int(killed[1]),
                reason="the machine's memory was used up; the kernel ended what used most of it",
            )
        elif _DAMAGED.match(text) and not self._damaged:
            self._damaged = True  # once: each read of that block says it again
            self._reporter.event("root-damaged", reason=f"the compressed root can't be read: {text}")
            self._reporter.say(
                "osie: root-damaged check: this machine's memory, for it was whole when it was unpacked;"
                " unless an action reads a squashfs of its own"
            )
