"""A file over HTTP: ranges, strong validators, sendfile, and the knowledge of whether it all arrived.

Not aiohttp's FileResponse: that one ignores an entity tag in If-Range, and hands out NAME.gz in place of
NAME to whoever accepts gzip. Semantics: RFC 9110, sections 13 and 14.
"""

import asyncio
import fcntl
import os
import socket
import stat
import struct
import termios
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

_SILENT_S = 60.0  # without a word from a peer that has yet to be sent something: it is gone
_QUIET_S = 1.0  # without a word from one that was sent all: nothing more will come. A lost packet is
# sent again after 0.2 s, and again after 0.4 s (RFC 6298, and TCP_RTO_MIN in include/net/tcp.h)
_IPXE_WINDOW = 256 * 1024  # bytes; TCP_MAX_WINDOW_SIZE in iPXE's include/ipxe/tcp.h
_POLL_S = (0.001, 0.25)  # first and longest pause between two looks at the socket
_OPEN = {1, 8}  # TCP_ESTABLISHED, TCP_CLOSE_WAIT: include/net/tcp_states.h
# include/uapi/linux/sockios.h: bytes that aren't acknowledged, and those of them that weren't sent
_SIOCOUTQ, _SIOCOUTQNSD = termios.TIOCOUTQ, 0x894B


@dataclass(frozen=True)
class Span:
    """Bytes of a file: the first, and how many."""

    start: int
    length: int


class Unsatisfiable(Exception):
    """The range asked for begins behind the end of the file."""


def entity_tag(status: os.stat_result) -> str:
    """A strong entity tag that is the same after a restart: writing the file anew changes it."""
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'


def span(header: str | None, size: int) -> Span | None:
    """The one range that a Range header asks for; None: send everything.

    What we don't understand, several ranges among it, a server may ignore (RFC 9110, section 14.2).
    """
    unit, equals, spec = (header or "").partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not equals or not dash:
        return None
    if any(part and not (part.isascii() and part.isdecimal() and len(part) < 20) for part in (first, last)):
        return None
    if not first:
        if not last:
            return None
        length = min(int(last), size)
        if length == 0:
            raise Unsatisfiable
        return Span(size - length, length)
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, end - start + 1)


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",")]


def _unchanged(request: web.Request, tag: str, modified: float) -> bool:
    """Whether the client has it already: If-None-Match, and without it If-Modified-Since."""
    if (tags := request.headers.get("If-None-Match")) is not None:
        return any(t in {tag, f"W/{tag}", "*"} for t in _tags(tags))
    since = request.if_modified_since
    return since is not None and int(modified) <= since.timestamp()


def _refused(request: web.Request, tag: str) -> bool:
    tags = request.headers.get("If-Match")
    return tags is not None and not any(t in {tag, "*"} for t in _tags(tags))


def _range_holds(request: web.Request, tag: str, last_modified: str) -> bool:
    """If-Range: the range counts only if the file is still the one that the client began with."""
    validator = request.headers.get("If-Range")
    return validator is None or validator in {tag, last_modified}


async def _unacknowledged(connection: int) -> int | None:
    """How many of the last bytes the peer's TCP leaves unacknowledged; None where it hasn't got the file.

    sendfile(2) returns when the kernel has the bytes, which may be megabytes before the peer has them. And a
    peer may have them without a word: an iPXE of 2025 on UEFI starts the kernel before it has acknowledged
    what came last. So all must have left us, and all but what fits into iPXE's window be acknowledged.
    """
    with socket.socket(fileno=connection) as peer:
        now = asyncio.get_running_loop().time
        pause, longest = _POLL_S
        before, since = -1, now()
        while True:
            is_open = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _OPEN
            left, unsent = _waiting(peer, _SIOCOUTQ), _waiting(peer, _SIOCOUTQNSD)
            if not left:
                return 0
            if not is_open:
                return None
            if left != before:
                before, since = left, now()
            if now() - since > (_SILENT_S if unsent else _QUIET_S):
                return left if not unsent and left <= _IPXE_WINDOW else None
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)


def _waiting(peer: socket.socket, request: int) -> int:
    """Bytes in the socket's send queue, as tcp(7) has it."""
    (number,) = struct.unpack("=i", fcntl.ioctl(peer, request, bytes(4)))
    return int(number)


class ServedFile(web.StreamResponse):
    """The answer to GET or HEAD of one file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.size = 0  # of the whole file, in bytes
        self.unacknowledged = 0  # of a file that was sent whole, how many of its last bytes

    async def send(self, request: web.Request) -> bool:
        """Answer the request. True where the whole file was sent in this one answer: see `unacknowledged`."""
        try:
            file = self._path.open("rb")
        except (OSError, ValueError):  # ValueError: a NUL in the name
            raise web.HTTPNotFound(text=f"no file {request.path}\n") from None
        with file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise web.HTTPNotFound(text=f"no file {request.path}\n")
            self.size = status.st_size
            return await self._answer(request, file, status)

    async def _answer(self, request: web.Request, file: BinaryIO, status: os.stat_result) -> bool:
        tag, modified = entity_tag(status), formatdate(int(status.st_mtime), usegmt=True)
        validators = {"ETag": tag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
        self.headers.update(validators)
        if _refused(request, tag):
            return await self._without_body(request, 412)
        if _unchanged(request, tag, status.st_mtime):
            return await self._without_body(request, 304)
        asked = request.headers.get("Range") if _range_holds(request, tag, modified) else None
        try:
            part = span(asked, self.size)
        except Unsatisfiable:
            self.headers["Content-Range"] = f"bytes */{self.size}"
            return await self._without_body(request, 416)
        if part is not None:
            self.set_status(206)
            self.headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{self.size}"
        part = part or Span(0, self.size)
        self.content_type = "application/octet-stream"
        self.content_length = part.length
        if request.method == "HEAD" or part.length == 0:
            await self.prepare(request)
            await self.write_eof()
            return False
        return await self._send_bytes(request, file, part) and part.length == self.size

    async def _without_body(self, request: web.Request, status: int) -> bool:
        self.set_status(status)
        if status != 304:
            self.content_length = 0
        await self.prepare(request)
        await self.write_eof()
        return False

    async def _send_bytes(self, request: web.Request, file: BinaryIO, part: Span) -> bool:
        await self.prepare(request)
        transport = request.transport
        peer = transport.get_extra_info("socket") if transport is not None else None
        if transport is None or peer is None or transport.is_closing():
            return False
        # Our own descriptor: asyncio closes its socket when the client hangs up, before we can ask how
        # it ended.
        connection = os.dup(peer.fileno())
        try:
            sent = await asyncio.get_running_loop().sendfile(transport, file, part.start, part.length)
        except (ConnectionError, RuntimeError):  # RuntimeError: the transport is closing
            os.close(connection)
            return False
        except BaseException:
            os.close(connection)
            raise
        if sent != part.length:  # the file was cut short meanwhile: the client must not take it for whole
            os.close(connection)
            transport.abort()
            return False
        await self.write_eof()
        left = await _unacknowledged(connection)
        self.unacknowledged = left or 0
        return left is not None
