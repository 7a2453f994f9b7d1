"""A program that runs beside ours and outlives it: a later run of ours finds it by its pid file."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from osie.core.files import write_atomically
from osie.core.process import clean_environment

RUN = Path("/run/osie")  # our own state, for a later run of ours
_COMM = 15  # characters of a program's name that the kernel keeps (TASK_COMM_LEN)


class Daemon:
    """One program, at most once at a time."""

    def __init__(
        self, argv: Sequence[str], *, log: Path, environment: Mapping[str, str], run: Path = RUN
    ) -> None:
        self.name = Path(argv[0]).name
        self.argv = tuple(argv)
        self._log = log
        self._environment = environment
        self._pid_file = run / f"{self.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process; 0 where there is none."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else 0
        try:
            pid = int(self._pid_file.read_text())
            return pid if Path(f"/proc/{pid}/comm").read_text() == f"{self.name[:_COMM]}\n" else 0
        except (OSError, ValueError):
            return 0

    def find(self) -> None:
        """Where its pid file lacks or is wrong: take the process that has just its command line."""
        if not self.pid and (pid := _running(self.argv)):
            self._process = None
            write_atomically(self._pid_file, str(pid))

    def launch(self) -> None:
        """Start it, its words going to the end of the log."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(self._environment),
                start_new_session=True,
            )
        write_atomically(self._pid_file, str(self._process.pid))

    def kill(self) -> None:
        """End it at once, and wait for that."""
        if pid := self.pid:
            os.kill(pid, signal.SIGKILL)
            wait_for_one_to_end([self])
        if self._process is not None:
            self._process.wait()

    @property
    def fate(self) -> str:
        """How it ended."""
        if self._process is None or self._process.poll() is None:
            return "ended"
        return f"ended with status {self._process.returncode}"


def bound(log: Path, longest_bytes: int = 1 << 20) -> None:
    """Keep the last half of a log that grew too long: it lies in memory. A line said meanwhile may be lost.

    Whoever writes it appends (O_APPEND), and so goes on at its new end.
    """
    try:
        if log.stat().st_size <= longest_bytes:
            return
        with log.open("r+b") as file:
            file.seek(-longest_bytes // 2, os.SEEK_END)
            kept = file.read()
            file.truncate(0)
        with log.open("ab") as file:
            file.write(kept)
    except OSError:  # there is none yet
        return


def _running(argv: Sequence[str]) -> int:
    """The process with this command line, 0 where there is none (proc_pid_cmdline(5))."""
    wanted = "".join(f"{word}\0" for word in argv).encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == wanted:
                return int(folder.name)
        except OSError:  # it ended meanwhile
            continue
    return 0


def wait_for_one_to_end(daemons: Sequence[Daemon]) -> None:
    """Return when one of them has ended (pidfd_open(2): its descriptor becomes readable then)."""
    poll = select.poll()
    with ExitStack() as stack:
        for daemon in daemons:
            try:
                descriptor = os.pidfd_open(daemon.pid)
            except (OSError, ValueError):  # it ended already
                return
            stack.callback(os.close, descriptor)
            poll.register(descriptor, select.POLLIN)
        poll.poll()
