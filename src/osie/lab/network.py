"""An isolated network: a namespace with a bridge, and what runs in it. Nothing of it is seen on the host.

`with Network() as network:` removes everything at the end, whatever still runs inside. A lab that is killed
takes its children with it (setpriv --pdeathsig); its namespace goes when the next lab sweeps.
"""

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from osie.core.errors import OsieError
from osie.core.process import clean_environment, run
from osie.lab import owner
from osie.lab.namespace import inside
from osie.lab.no_router import NoRouter

BRIDGE = "br0"
_FOLDERS = Path("/run/osie/lab")
_STOP_S = 5.0  # how long a server gets to end by itself after SIGTERM
_ROUNDS = 10


class Network:
    """A namespace with a bridge that has the subnet's first address. Not to be entered twice."""

    def __init__(self, subnet: str = "192.168.137.0/24") -> None:
        self.name = owner.new_name()
        self.folder = _FOLDERS / self.name  # for what lives as long as the network
        self.subnet = ipaddress.IPv4Network(subnet)
        self.address = str(next(self.subnet.hosts()))
        self._children: list[subprocess.Popen[bytes]] = []
        self._taps = 0
        self._no_router: NoRouter | None = None

    def __enter__(self) -> Self:
        sweep()
        self.folder.mkdir(parents=True)
        try:
            run(["ip", "netns", "add", self.name])
            self._ip("link", "set", "lo", "up")
            # A bridge with its defaults drops frames for 15 s: it learns the network's topology first.
            self._ip("link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0")
            self._ip("address", "add", f"{self.address}/{self.subnet.prefixlen}", "dev", BRIDGE)
            if Path("/proc/sys/net/ipv6").exists():
                self._no_router = NoRouter(self.name, BRIDGE)
            self._ip("link", "set", BRIDGE, "up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def add_tap(self) -> str:
        """A new port of the bridge; its name, for QEMU."""
        name = f"tap{self._taps}"
        self._taps += 1
        run(["ip", "netns", "exec", self.name, "ip", "tuntap", "add", "dev", name, "mode", "tap"])
        self._ip("link", "set", name, "master", BRIDGE, "up")
        return name

    def remove_tap(self, name: str) -> None:
        """Remove a port of the bridge."""
        self._ip("link", "delete", name)

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """`argv`, made to run in the network and to die with the thread that starts it (prctl(2))."""
        inside_it = ["ip", "netns", "exec", self.name, *map(str, argv)]
        return ["setpriv", "--pdeathsig", "KILL", *inside_it]

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        pass_fds: Sequence[int] = (),
        stdout: IO[bytes] | int | None = subprocess.DEVNULL,
        stderr: IO[bytes] | int | None = subprocess.STDOUT,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in the network; it is stopped with the network at the latest.

        Call it from a thread that lives as long as the program shall: the main one.
        """
        child = subprocess.Popen(
            self.command(argv),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            env=clean_environment(env),
            cwd=cwd,
            start_new_session=True,  # Ctrl-C is for us alone: we stop our children in order
        )
        self._children.append(child)
        return child

    def run(self, argv: Sequence[str | Path], *, timeout_s: float = 30) -> str:
        """Run a program in the network to its end, and return what it printed."""
        return run(self.command(argv), timeout_s=timeout_s).stdout

    def listen(self, port: int, host: str = "0.0.0.0") -> socket.socket:
        """A TCP socket that listens in the network, though it is ours."""

        def bound() -> socket.socket:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family)

        return inside(self.name, bound)

    def _ip(self, *words: str) -> None:
        run(["ip", "-netns", self.name, *words])

    def _remove(self) -> None:
        if self._no_router is not None:
            self._no_router.close()
        for child in self._children:
            stop(child)
        remove(self.name)


def stop(child: subprocess.Popen[bytes], *, within_s: float = _STOP_S) -> None:
    """End a child: ask, and insist."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(within_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def sweep() -> list[str]:
    """Remove the namespaces of labs that were killed; return their names. A living lab's are left alone."""
    listed = run(["ip", "netns", "list"]).stdout.splitlines()
    names = {line.split()[0] for line in listed if line.strip()}
    if _FOLDERS.is_dir():
        names |= {path.name for path in _FOLDERS.iterdir()}
    stale = [name for name in sorted(names) if (by := owner.owner_of(name)) and not by.alive()]
    for name in stale:
        remove(name)
    return stale


def remove(name: str) -> None:
    """Remove a namespace of the lab, and what runs in it: only the lab's children can be there."""
    for _ in range(_ROUNDS):  # what is killed may just have started another
        pids = run(["ip", "netns", "pids", name], check=False).stdout.split()
        if not pids:
            break
        for pid in pids:
            _kill(int(pid), name)
    deleted = run(["ip", "netns", "delete", name], check=False)
    shutil.rmtree(_FOLDERS / name, ignore_errors=True)
    if Path("/run/netns", name).exists():
        raise OsieError(f"the namespace {name} can't be removed: {deleted.stderr.strip()}")


def _kill(pid: int, namespace: str) -> None:
    """SIGKILL the process if it is still in the namespace: a pidfd can't be taken over by another process."""
    with suppress(ProcessLookupError, FileNotFoundError):
        descriptor = os.pidfd_open(pid)
        try:
            if Path(f"/proc/{pid}/ns/net").stat().st_ino == Path("/run/netns", namespace).stat().st_ino:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
