"""A PostgreSQL of our own, on a unix socket in a temporary folder, that may be made to crash."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import unexpected_ends


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise FileNotFoundError(f"{name}: PostgreSQL is not installed: `make setup-dev` installs it")
    return program


class OwnPostgres:
    """Its folder is the socket's, too: `?host=FOLDER` in a URL."""

    def __init__(self, folder: Path, become: list[str]) -> None:
        self.folder = folder
        self._become = become  # it refuses to run as root
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of its only database, for SQLAlchemy."""
        return f"postgresql+psycopg://osie@/postgres?host={self.folder}"

    def make(self) -> None:
        """Create the files."""
        argv = [*self._become, _program("initdb"), "-D", str(self.folder / "data"), "-A", "trust"]
        argv += ["-U", "osie", "-E", "UTF8", "-N"]
        subprocess.run(argv, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [
            "-c",
            "fsync=off",
            "-c",
            f"unix_socket_directories={self.folder}",
            "-c",
            "listen_addresses=",
        ]
        die_with_us = [*(self._become or ["setpriv"]), "--pdeathsig=INT"]
        argv = [*die_with_us, _program("postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.folder)
        ask = [_program("pg_isready"), "-h", str(self.folder)]
        deadline = time.monotonic() + 120
        while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError((self.folder / "log").read_text())
            time.sleep(0.1)  # there is nothing to wait on but the answer itself

    def check(self) -> None:
        """Raise where it has ended by itself."""
        if self._running is not None:
            unexpected_ends.still_runs(self._running, self.folder / "log")

    def crash(self) -> None:
        """End it at once: what it has in memory is thrown away, its log is replayed at the next start."""
        if self._running is not None:
            self._running.send_signal(signal.SIGQUIT)
            self._running.wait(30)
            self._running = None


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """One that runs, within the block."""
    root = os.geteuid() == 0
    user = pwd.getpwnam("postgres") if root else pwd.getpwuid(os.geteuid())
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if root else []
    # Directly in /tmp: the way to it must be open to its user.
    folder = Path(tempfile.mkdtemp(prefix="osie-pg-", dir="/tmp"))
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
        server = OwnPostgres(folder, become)
        server.make()
        try:
            server.start()
            yield server
            server.check()
        finally:
            server.crash()
    finally:
        shutil.rmtree(folder)
