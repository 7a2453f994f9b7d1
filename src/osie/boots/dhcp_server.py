"""dnsmasq as our child: started, listened to, restarted if it dies, and never left behind."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from osie.boots import dnsmasq
from osie.boots.config import BootsConfig
from osie.core.errors import OsieError
from osie.core.host_tools import NEEDS
from osie.core.process import clean_environment

log = structlog.get_logger(__name__)

_PROGRAMS = ("dnsmasq", "setpriv")
_START_S = 10.0
_READ_S = 10.0
_STOP_S = 5.0
_BACKOFF_S = (0.5, 10.0)  # first and longest pause before a restart
_STEADY_S = 30.0  # after which the next restart is a first one again

_TOLD_TO_END = "exiting on receipt of SIGTERM"  # dnsmasq's last word then

Heard = Callable[[dnsmasq.Seen], Awaitable[None]]


def _require_programs() -> None:
    for need in NEEDS:
        if need.name in _PROGRAMS and need.found() is None:
            raise OsieError(
                f"{need.name}: no such program on this host", hint=f"apt-get install {need.package}"
            )


def check_interface(config: BootsConfig) -> None:
    """Raise where the interface, its address or a port can't be had.

    dnsmasq shares port 67 with others of its kind without a word, so we try to bind it alone first.
    """
    _try_port("DHCP", config.interface, "", 67)
    if config.tftp:
        _try_port("TFTP", config.interface, config.address, 69)


def _try_port(what: str, interface: str, address: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            probe.bind((address, port))
        except OSError as error:
            raise _explained(what, interface, address, port, error.errno or 0) from error


def _explained(what: str, interface: str, address: str, port: int, number: int) -> OsieError:
    if number == errno.ENODEV:
        return OsieError(
            f"{what}: this host has no network interface {interface}", hint="`ip -brief link` lists them"
        )
    if number == errno.EADDRNOTAVAIL:
        return OsieError(
            f"{what}: {address} is not an address of this host",
            hint=f"`ip address show {interface}` lists them",
        )
    if number == errno.EADDRINUSE:
        return OsieError(
            f"{what}: port {port}/udp is in use on {interface}",
            hint=f"`ss -ulpn sport = :{port}` says by whom",
        )
    if number in {errno.EPERM, errno.EACCES}:
        return OsieError(f"{what}: port {port}/udp may not be bound", hint="boots runs as root")
    return OsieError(f"{what}: port {port}/udp on {interface}: {os.strerror(number)}")


async def _first(event: asyncio.Event, end: asyncio.Task[None], within_s: float) -> bool:
    """Whether `event` comes before `end` does, and in time."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, end}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return event.is_set()


class DhcpServer:
    """dnsmasq with the configuration that lies in the state folder, while the context lasts.

    `heard` is told what its log says, `serves` is called each time that it begins to serve.
    """

    def __init__(self, config: BootsConfig, heard: Heard, serves: Callable[[], None] = lambda: None) -> None:
        self._config = config
        self._heard = heard
        self._serves = serves
        self._process: asyncio.subprocess.Process | None = None
        self._last_words: deque[str] = deque(maxlen=5)  # of dnsmasq, for the error
        self._ready = asyncio.Event()
        self._read_again = asyncio.Event()
        self._changed = False  # its files, while it was starting
        self._reading: asyncio.Task[None] | None = None  # of dnsmasq's log, to its end

    @property
    def pid(self) -> int | None:
        """dnsmasq's process ID while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def __aenter__(self) -> "DhcpServer":
        _require_programs()
        check_interface(self._config)
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name="boots dnsmasq")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._stop()

    async def reread(self) -> None:
        """Have dnsmasq read reservations and options again; return once it has, or starts and will."""
        process, reading = self._process, self._reading
        if not self._ready.is_set() or process is None or reading is None:
            self._changed = True  # the signal would end a dnsmasq that doesn't expect it yet
            return
        self._changed = False
        self._read_again.clear()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGHUP)
        if not await _first(self._read_again, reading, _READ_S) and self.pid is not None:
            log.warning("dnsmasq_reads_slowly", waited_s=_READ_S)

    async def _start(self) -> None:
        """Start dnsmasq; return once it serves."""
        self._ready.clear()
        self._last_words.clear()
        self._process = process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL"),  # it dies when we do, however we die
            *("dnsmasq", "--keep-in-foreground", f"--conf-file={self._config.dnsmasq_dir / 'dnsmasq.conf'}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment(),
            start_new_session=True,  # a terminal's Ctrl-C is for us: we stop it in order
        )
        self._reading = asyncio.create_task(self._read(process), name="boots dnsmasq log")
        if not await _first(self._ready, self._reading, _START_S):
            told = "; ".join(self._last_words) or "it said nothing"
            raise OsieError(f"dnsmasq did not start: {told.removeprefix('dnsmasq: ')}")
        if self._changed:
            await self.reread()
        self._serves()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101 -- it was asked for
        while True:
            try:
                line = (await process.stderr.readline()).decode(errors="replace").rstrip()
            except ValueError:  # a line beyond the reader's limit: passed over
                continue
            if not line:
                if process.stderr.at_eof():
                    return
                continue
            self._last_words.append(line)
            log.debug("dnsmasq", line=line)
            # Logged after the sockets are open: dnsmasq(8) has no other sign of readiness without D-Bus.
            if dnsmasq.STARTED.match(line):
                self._ready.set()
            elif dnsmasq.READ.match(line):
                self._read_again.set()
            if (seen := dnsmasq.read_log(line)) is not None:
                try:
                    await self._heard(seen)
                except Exception:  # what can't be recorded must not stop DHCP
                    log.exception("dhcp_event_lost", seen=seen)

    async def _keep_alive(self) -> None:
        """Wait for dnsmasq to die, start it anew; the pause grows while it keeps dying."""
        loop = asyncio.get_running_loop()
        pause, longest = _BACKOFF_S
        while True:
            began = loop.time()
            if self._reading is not None:
                await self._reading
            await self._stop()
            if loop.time() - began > _STEADY_S:
                pause = _BACKOFF_S[0]
            if any(line.endswith(_TOLD_TO_END) for line in self._last_words):  # as systemd tells all of us
                log.info("dnsmasq_told_to_end", restart_in_s=pause)
            else:
                log.error("dnsmasq_died", last_words=list(self._last_words), restart_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
            try:
                await self._start()
            except OsieError as error:
                log.error("dnsmasq_not_restarted", reason=str(error))  # noqa: TRY400 -- the message is all
                await self._stop()

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
