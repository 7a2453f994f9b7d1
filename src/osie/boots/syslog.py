"""Lines that machines send to syslog over UDP, filed under the machine that sent them.

`parse` reads RFC 5424 and RFC 3164, which real senders follow loosely; it never raises.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from osie.core.errors import OsieError

_SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_PRI = re.compile(r"<(\d{1,3})>")
_RFC5424 = re.compile(
    r"1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<process>\S+) (?P<message_id>\S+) "
    r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*"|\\.)*\])+)(?: (?P<text>.*))?',
    re.DOTALL,
)
_RFC3164 = re.compile(
    r"(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?:(?P<host>[^\s:\[\]]+) )?(?P<rest>.*)", re.DOTALL
)
_TAG = re.compile(r"(?P<app>[^\s:\[\]]{1,48})(?:\[(?P<process>[^\]\s]{0,32})\])?: ?(?P<text>.*)", re.DOTALL)
_LONGEST = 8192  # characters of one line
_WAITING = 4096  # lines not yet filed; beyond them the oldest go

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Message:
    """One datagram; what the sender left out is empty."""

    severity: str
    host: str
    app: str
    text: str

    def lines(self) -> list[str]:
        """As the machine's log shows it: one line each, no control characters, the severity if it matters."""
        head = f"{self.severity} " if self.severity in _SEVERITIES[:5] else ""
        head += f"{self.app}: " if self.app else ""
        cleaned = (_printable(f"{head}{line}") for line in self.text.splitlines() if _printable(line))
        return [line[:_LONGEST] for line in cleaned]


def _printable(text: str) -> str:
    """`text` without what a terminal would act upon."""
    return "".join(c if c.isprintable() else " " for c in text).rstrip()


def _given(value: str | None) -> str:
    return "" if value in {None, "-"} else value or ""


def parse(datagram: bytes) -> Message:
    """Read a datagram. One in neither format is all text."""
    text = datagram.decode(errors="replace").strip("\0\r\n ")
    severity = ""
    if (pri := _PRI.match(text)) and int(pri[1]) < 192:
        severity = _SEVERITIES[int(pri[1]) % 8]
        text = text[pri.end() :]
    if new := _RFC5424.fullmatch(text):
        # A byte order mark may stand before the text (RFC 5424, section 6.4).
        return Message(
            severity, _given(new["host"]), _given(new["app"]), _given(new["text"]).lstrip("\ufeff")
        )
    host = ""
    if old := _RFC3164.fullmatch(text):
        host, text = _given(old["host"]), old["rest"]
    if tag := _TAG.fullmatch(text):
        return Message(severity, host, tag["app"], tag["text"])
    return Message(severity, host, "", text)


class _Datagrams(asyncio.DatagramProtocol):
    """From the socket into a queue of bounded length."""

    def __init__(self, queue: asyncio.Queue[tuple[str, bytes]]) -> None:
        self._queue = queue

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait((str(addr[0]), data))


class Receiver:
    """Listens on `address`:`port` while the context lasts."""

    def __init__(
        self,
        address: str,
        port: int,
        mac_of: Callable[[str], str | None],
        keep: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._address, self._port = address, port
        self._mac_of, self._keep = mac_of, keep
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_WAITING)

    async def __aenter__(self) -> "Receiver":
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._queue), local_addr=(self._address, self._port)
            )
        except OSError as error:
            raise OsieError(
                f"syslog can't listen on {self._address}:{self._port}/udp: {error.strerror}",
                hint="another syslog server may run here: give boots another syslog_port",
            ) from error
        self._filing = asyncio.create_task(self._file(), name="boots syslog")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()
        self._filing.cancel()
        await asyncio.gather(self._filing, return_exceptions=True)

    async def _file(self) -> None:
        while True:
            source, datagram = await self._queue.get()
            mac = self._mac_of(source)
            if mac is None:
                log.debug("syslog_from_unknown", source=source)
                continue
            for line in parse(datagram).lines():
                try:
                    await self._keep(mac, line)
                except Exception:  # one line that can't be kept must not end the receiver
                    log.exception("syslog_line_lost", mac=mac)
