"""What a command or a pipe of commands takes: seconds, processor seconds, and memory at its peak."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from osie.core.errors import OsieError

_LOOK_S = 0.1  # not ru_maxrss: it counts what the process was before execve(2) too
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Taken:
    """Of one run."""

    seconds: float
    cpu_s: float  # user and system, of all its processes
    peak_mib: float  # the processes' highest resident sizes, added up

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


class _Watch(threading.Thread):
    """Looks at the processes, and theirs, until `stop`."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._pids = pids
        self._over = threading.Event()
        self.peaks: dict[int, int] = {}  # KiB

    def run(self) -> None:
        """Look."""
        while not self._over.wait(_LOOK_S):
            for pid in self._pids:
                self._look(pid)

    def stop(self) -> float:
        """The sum of the peaks, in MiB."""
        self._over.set()
        self.join()
        return sum(self.peaks.values()) / 1024

    def _look(self, pid: int) -> None:
        try:
            found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
            threads = list(Path(f"/proc/{pid}/task").iterdir())
            children = [child for one in threads for child in (one / "children").read_text().split()]
        except OSError:  # it ended
            return
        if found:
            self.peaks[pid] = int(found[1])
        for child in children:
            self._look(int(child))


def take(
    commands: Sequence[Sequence[str]], *, env: Mapping[str, str] | None = None, stdin: Path | None = None
) -> Taken:
    """Run the commands, each one's output the next one's input. Raises OsieError where one fails."""
    environment = {**os.environ, **(env or {})}
    begun = time.monotonic()
    running: list[subprocess.Popen[bytes]] = []
    source = stdin.open("rb") if stdin else None
    for number, argv in enumerate(commands):
        last = number == len(commands) - 1
        before = running[-1].stdout if running else source
        child = subprocess.Popen(
            argv,
            stdin=before if before else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if last else subprocess.PIPE,
            stderr=subprocess.PIPE if last else subprocess.DEVNULL,
            env=environment,
        )
        if before:
            before.close()
        running.append(child)
    watch = _Watch([child.pid for child in running])
    watch.start()
    said = running[-1].stderr.read() if running[-1].stderr else b""
    cpu = 0.0
    for child in running:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu += usage.ru_utime + usage.ru_stime
    seconds = time.monotonic() - begun
    peak = watch.stop()
    if running[-1].stderr:
        running[-1].stderr.close()
    if any(child.returncode for child in running):
        tail = said.decode(errors="replace")[-1500:]
        raise OsieError(f"{[' '.join(argv) for argv in commands]} failed: {tail}")
    return Taken(seconds, cpu, peak)
