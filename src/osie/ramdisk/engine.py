"""The container engine, whichever it is: its start, and knowing when it dies."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from osie.contracts.kernel_parameters import KernelParameters
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.core.process import run
from osie.ramdisk import dockerd, podman, registries, waiting
from osie.ramdisk.daemon import RUN, Daemon, wait_for_one_to_end
from osie.ramdisk.docker_api import Docker
from osie.ramdisk.program import STORAGE, Program
from osie.ramdisk.report import Facts

LOG = RUN / "engine.log"
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

    def __init__(
        self, parameters: KernelParameters, docker: Docker, *, program: Program | None = None, run: Path = RUN
    ) -> None:
        self._program = program or installed(parameters)
        self._docker = docker
        self._ignored = registries.without_tls(parameters.insecure_registries).ignored
        self._log = run / LOG.name

        def daemon(argv: Sequence[str]) -> Daemon:
            return Daemon(argv, log=self._log, environment=environment(parameters), run=run)

        self._service = daemon(self._program.argv)
        self._beside = [daemon(argv) for argv in self._program.beside]

    def start(self, facts: Facts) -> None:
        """Start it where it isn't running; return once it answers. Raises OsieError with its last words."""
        for daemon in (self._service, *self._beside):
            daemon.find()  # an earlier run of ours may have ended before it wrote down what it had started
        if not self._docker.answers():
            self._launch()
            waiting.until(self._up_or_ended, deadline_s=_UP_S)
            if not self._docker.answers():
                fate = f"doesn't answer after {_UP_S:g} s" if self._service.pid else self._service.fate
                self._service.kill()  # a second one beside it would break both
                raise OsieError(
                    f"{self._service.name} {fate}: {last_words(self._log.read_bytes())}",
                    hint=f"the whole log is {self._log}; osie.debug gives a shell on the console",
                )
        facts["version"] = self._docker.version()
        if self._ignored:
            facts["warning"] = f"insecure_registries= wants HOST[:PORT], ignored: {' '.join(self._ignored)}"

    def wait_until_it_dies(self, *, asked_every_s: float = 2.0) -> None:
        """Return when the engine has ended, or what it can't do without; then it is ended as a whole.

        One that answers though none of our processes is it can only be asked, again and again.
        """
        if not self._service.pid:
            waiting.until(lambda: not self._docker.answers(), deadline_s=math.inf, every_s=asked_every_s)
            return
        wait_for_one_to_end([self._service, *self._beside])
        self._service.kill()

    def _launch(self) -> None:
        """Start what isn't running: an earlier run of ours may have come so far."""
        for daemon in self._beside:
            if not daemon.pid:
                self._write_files()
                daemon.launch()
        if not self._service.pid:
            self._write_files()
            self._seed()
            for path in self._program.stale:
                path.unlink(missing_ok=True)
            self._service.launch()

    def _write_files(self) -> None:
        for path, text in self._program.files.items():
            write_atomically(path, text)

    def _seed(self) -> None:
        """Let the storage begin with the embedded image; later starts of the engine leave it as it is."""
        seed, done = self._program.seed, STORAGE / ".seeded"
        if seed is not None and seed.is_dir() and not done.exists():
            run(["cp", "-a", f"{seed}/.", STORAGE])
            done.touch()

    def _up_or_ended(self) -> bool:
        return not self._service.pid or self._docker.answers()
