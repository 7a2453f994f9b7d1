"""What the kernel says that a person must know: it ended something, or the root is damaged.

Source of the form: the kernel's Documentation/ABI/testing/dev-kmsg.
"""

import os
import re
from pathlib import Path

from osie.ramdisk.report import Reporter

_RECORD = 8192  # bytes; a read that is shorter than the record fails (kernel/printk, CONSOLE_EXT_LOG_MAX)
_KILLED = re.compile(r"^(?:Memory cgroup out|Out) of memory: Killed process (\d+) \((.*?)\)")
_DAMAGED = re.compile(r"^SQUASHFS error: .*")


def message(record: bytes) -> str:
    """The text of one record: `PRIORITY,NUMBER,TIME,FLAGS;TEXT`, with lines of details after it."""
    return record.decode("utf-8", "replace").partition(";")[2].partition("\n")[0]


class KernelLog:
    """Follows the kernel's log, from its beginning."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._damaged = False

    def follow(self, device: Path = Path("/dev/kmsg")) -> None:
        """Read until the machine ends."""
        log = os.open(device, os.O_RDONLY)
        try:
            while True:
                try:
                    record = os.read(log, _RECORD)
                except BrokenPipeError:  # records were overwritten before we read them; the next read goes on
                    continue
                if not record:
                    return
                self.hear(message(record))
        finally:
            os.close(log)

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
