"""DHCP by busybox's udhcpc, which stays to renew the lease. Its script prints what it was told to us."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from osie.core.errors import OsieError
from osie.core.process import clean_environment
from osie.ramdisk import waiting
from osie.ramdisk.addressing import Addressing, parse_lease
from osie.ramdisk.daemon import RUN

SCRIPT = Path("/usr/lib/osie/dhcp-event")
LOG = RUN / "udhcpc.log"
# Beyond udhcpc's default of router, dns, hostname, domain, ...: see its --help
_ASKED_FOR = ("router", "dns", "hostname", "domain", "search", "mtu", "ntpsrv", "staticroutes")


def argv(interface: str, script: Path = SCRIPT, run: Path = RUN) -> list[str]:
    """The client's command line: three tries 2 s apart, then again after 3 s, for as long as it runs."""
    options = [word for name in _ASKED_FOR for word in ("-O", name)]
    pid_file = str(run / f"udhcpc-{interface}.pid")
    return ["busybox", "udhcpc", "-f", "-i", interface, "-s", str(script), "-p", pid_file,
            "-t", "3", "-T", "2", "-A", "3", *options]  # fmt: skip


def events(stream: IO[bytes]) -> Iterator[dict[str, str]]:
    """What the script prints: NUL-terminated NAME=VALUE, an empty one ends an event."""
    held = b""
    while piece := os.read(stream.fileno(), 65536):
        *whole, held = (held + piece).split(b"\0\0")
        for event in whole:
            pairs = (entry.decode("utf-8", "replace").partition("=") for entry in event.split(b"\0"))
            yield {name: value for name, _, value in pairs}


class Client:
    """The DHCP client of one interface, started again where it ends by itself.

    `on_lease` hears each lease after the first, `on_end` of each such end; both in another thread.
    """

    def __init__(
        self,
        interface: str,
        on_lease: Callable[[Addressing], None],
        on_end: Callable[[], None] = lambda: None,
        *,
        script: Path = SCRIPT,
        run: Path = RUN,
    ) -> None:
        self._interface = interface
        self._on_lease = on_lease
        self._on_end = on_end
        self._script = script
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()
        self._first: queue.Queue[Addressing | OsieError] = queue.Queue(maxsize=1)

    def acquire(self, deadline_s: float) -> Addressing:
        """Start the client and return its first lease. Raises OsieError where there is none in time."""
        self._end_predecessor()
        threading.Thread(target=self._keep, args=(self._launch(),), name="dhcp", daemon=True).start()
        try:
            first = self._first.get(timeout=deadline_s)
        except queue.Empty:
            first = OsieError(f"no DHCP server answered on {self._interface} within {deadline_s:g} s")
        if isinstance(first, OsieError):
            self.close()
            raise first
        return first

    def close(self) -> None:
        """End the client."""
        self._closed.set()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _end_predecessor(self) -> None:
        """One that an earlier run of our program left behind talks to a closed pipe."""
        try:
            pid = int((self._run / f"udhcpc-{self._interface}.pid").read_text())
            if b"udhcpc" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            pass

    def _launch(self) -> subprocess.Popen[bytes]:
        with (self._run / LOG.name).open("ab") as log:
            self._process = subprocess.Popen(
                argv(self._interface, self._script, self._run),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(),
            )
        return self._process

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        """Listen to it; where it ends after its first lease, nobody would renew that: start another."""
        if not self._listen(process, told_first=False):
            return
        restarts, began = waiting.Restarts(), time.monotonic()
        while not self._closed.wait(restarts.pause_s(time.monotonic() - began)):
            self._on_end()
            process.wait()
            began = time.monotonic()
            try:
                process = self._launch()
            except OSError:  # no memory, or /run is full: after the next, longer pause
                continue
            self._listen(process, told_first=True)

    def _listen(self, process: subprocess.Popen[bytes], *, told_first: bool) -> bool:
        """Take its events to its end; whether there was a first lease."""
        assert process.stdout is not None  # noqa: S101 - for mypy: it is a pipe
        for event in events(process.stdout):
            # `deconfig` and `leasefail` change nothing: a disk half written is worse than a stale address
            if event.get("event") not in {"bound", "renew"}:
                continue
            try:
                lease = parse_lease(event)
            except OsieError as error:
                if not told_first:
                    self._first.put(error)
                    return False
                continue
            if told_first:
                self._on_lease(lease)
            else:
                told_first = True
                self._first.put(lease)
        if not told_first and not self._closed.is_set():
            self._first.put(OsieError(f"udhcpc ended with status {process.wait()} on {self._interface}"))
        return told_first
