"""Who owns a namespace of the lab: its name says so, so that what a killed lab left behind can be told apart.

A pid alone may be used again; with the time the process started (proc_pid_stat(5), field 22) it may not.
"""

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"osie-(?P<pid>\d+)-(?P<started>\d+)-(?P<number>\d+)")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Owner:
    """The process that made a namespace."""

    pid: int
    started_ticks: int  # since the host's boot

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return started_ticks(self.pid) == self.started_ticks


def started_ticks(pid: int) -> int | None:
    """When the process started, or None where there is none (a zombie counts as none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def new_name() -> str:
    """A namespace's name, never given before."""
    return f"osie-{os.getpid()}-{started_ticks(os.getpid())}-{next(_numbers)}"


def owner_of(name: str) -> Owner | None:
    """Who owns the namespace, or None where the lab didn't make it."""
    match = _NAME.fullmatch(name)
    return Owner(int(match["pid"]), int(match["started"])) if match else None
