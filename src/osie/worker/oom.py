"""Whether the kernel killed a container's process because memory was used up: the kernel's log tells.

Engines tell it too, but not always: the event races with the cgroup, which goes with its last process.
Source of the forms: the kernel's Documentation/ABI/testing/dev-kmsg, and dump_oom_summary in mm/oom_kill.c.
"""

import os
import re
from pathlib import Path

_RECORD = 8192  # bytes; a read that is shorter than the record fails (kernel/printk, CONSOLE_EXT_LOG_MAX)


def tells(record: str, container: str) -> bool:
    """Whether a record of the log says that a process of the container was killed for memory."""
    return "oom-kill:" in record and re.search(rf"task_memcg=\S*{container}", record) is not None


def killed(container: str, log: Path = Path("/dev/kmsg")) -> bool:
    """Read the kernel's log, as far as it goes back. False where it can't be read."""
    try:
        source = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        while True:
            try:
                record = os.read(source, _RECORD)
            except BrokenPipeError:  # records were overwritten before we read them; the next read goes on
                continue
            except OSError:  # EAGAIN: its end
                return False
            if not record:
                return False
            if tells(record.decode("utf-8", "replace"), container):
                return True
    finally:
        os.close(source)
