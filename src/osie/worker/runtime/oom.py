"""Whether the kernel killed a container's process because memory was used up: the kernel's log tells.

Engines tell it too, but not always: the event races with the cgroup, which goes with its last process.
Source of the form: dump_oom_summary in the kernel's mm/oom_kill.c.
"""

import re
from pathlib import Path

from osie.core.kmsg import records


def tells(record: str, container: str) -> bool:
    """Whether a record of the log says that a process of the container was killed for memory."""
    return "oom-kill:" in record and re.search(rf"task_memcg=\S*{container}", record) is not None


def killed(container: str, log: Path = Path("/dev/kmsg")) -> bool:
    """Read the kernel's log, as far as it goes back. False where it can't be read."""
    try:
        return any(tells(record, container) for record in records(log))
    except OSError:
        return False
