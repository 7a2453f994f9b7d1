"""The container engine, whichever it is: its start, and knowing when it dies."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from osie.contracts.kernel_parameters import KernelParameters
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.core.process import clean_environment, run
from osie.ramdisk import dockerd, podman, waiting
from osie.ramdisk.docker_api import Docker
from osie.ramdisk.program import STORAGE, Program
from osie.ramdisk.report import Facts

LOG = Path("/run/osie/engine.log")
_PID_FILE = Path("/run/osie/engine.pid")
_UP_S = 120.0
_SAID_LINES = 3


def installed(parameters: KernelParameters) -> Program:
    """The engine that this ramdisk was built with."""
    return podman.program(parameters) if Path("/usr/bin/podman").exists() else dockerd.program(parameters)


def environment(parameters: KernelParameters) -> Mapping[str, str]:
    """The engine pulls images through the machine's proxies."""
    return {name: value for name, value in parameters.proxies.items() if value}


def last_words(log: bytes) -> str:
    """The end of the engine's log, for its error."""
    lines = log.decode("utf-8", "replace").strip().splitlines()
    return " | ".join(lines[-_SAID_LINES:]) or "its log is empty"


class Engine:
    """The engine of this machine. It outlives our program; a new run of ours takes it over."""

    def __init__(self, parameters: KernelParameters, docker: Docker) -> None:
        self._parameters = parameters
        self._program = installed(parameters)
        self._docker = docker
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, facts: Facts) -> None:
        """Start it where it isn't running; return once it answers. Raises OsieError with its last words."""
        if not self._docker.answers():
            if not self._pid():  # else an earlier run of ours started it, and it isn't up yet
                self._launch()
            waiting.until(self._up_or_ended, deadline_s=_UP_S)
            if not self._docker.answers():
                fate = self._fate()
                self._kill()  # a second one beside it would break both
                raise OsieError(
                    f"{self._program.name} {fate}: {last_words(LOG.read_bytes())}",
                    hint=f"the whole log is {LOG}; osie.debug gives a shell on the console",
                )
        facts["version"] = self._docker.version()

    def wait_until_it_dies(self) -> None:
        """Return when the engine's process has ended."""
        if self._process is not None:
            self._process.wait()
            return
        try:
            process = os.pidfd_open(self._pid())
        except (OSError, ValueError):
            return
        try:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            poll.poll()
        finally:
            os.close(process)

    def _launch(self) -> None:
        for path, text in self._program.files.items():
            write_atomically(path, text)
        self._seed()
        LOG.parent.mkdir(parents=True, exist_ok=True)
        for path in self._program.stale:
            path.unlink(missing_ok=True)
        with LOG.open("wb") as log:
            self._process = subprocess.Popen(
                self._program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(environment(self._parameters)),
                start_new_session=True,
            )
        write_atomically(_PID_FILE, str(self._process.pid))

    def _seed(self) -> None:
        """Let the storage begin with the embedded image; later starts of the engine leave it as it is."""
        seed, done = self._program.seed, STORAGE / ".seeded"
        if seed is not None and seed.is_dir() and not done.exists():
            run(["cp", "-a", f"{seed}/.", STORAGE])
            done.touch()

    def _pid(self) -> int:
        """The engine's process; 0 where there is none."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else 0
        try:
            pid = int(_PID_FILE.read_text())
            return pid if Path(f"/proc/{pid}/comm").read_text() == f"{self._program.name}\n" else 0
        except (OSError, ValueError):
            return 0

    def _up_or_ended(self) -> bool:
        return not self._pid() or self._docker.answers()

    def _kill(self) -> None:
        if pid := self._pid():
            os.kill(pid, signal.SIGKILL)
            self.wait_until_it_dies()

    def _fate(self) -> str:
        if self._pid():
            return f"doesn't answer after {_UP_S:g} s"
        return f"ended with status {self._process.returncode}" if self._process else "ended"
