"""HTTP/1.1 over a unix socket, as much of it as the Docker Engine API needs: one request a connection.

asyncio streams and not http.client in threads: following a container's log and waiting for its end must be
abandoned at once when the worker is told to stop, and a thread that blocks in a read can't be.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from osie.core.errors import OsieError

_HEAD_LIMIT = 64 * 1024  # bytes of one line of a head; asyncio refuses longer ones
_PIECE = 64 * 1024  # bytes read at once


class BrokenResponse(OsieError):
    """The peer's answer isn't HTTP, or it ended before its end."""


@dataclass(frozen=True)
class Response:
    """A response whose body is still to be read."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: AsyncIterator[bytes]  # pieces of any size, of the decoded body

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.body])


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except ValueError as error:  # longer than the limit
        raise BrokenResponse("a line of the response is too long") from error
    if not line.endswith(b"\n"):
        raise BrokenResponse("the response ended within its head or a chunk's size")
    return line.rstrip(b"\r\n")


async def _pieces(reader: asyncio.StreamReader, size: int) -> AsyncGenerator[bytes, None]:
    while size > 0:
        piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise BrokenResponse(f"the response ended {size} bytes too early")
        size -= len(piece)
        yield piece


async def chunked(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """Decode the chunked transfer coding (RFC 9112, 7.1). An end before the last chunk is an error."""
    while True:
        size_text = (await _line(reader)).partition(b";")[0].strip()  # after it: extensions
        try:
            size = int(size_text, 16)
        except ValueError as error:
            raise BrokenResponse(f"{size_text!r} isn't the size of a chunk") from error
        if size == 0:
            while await _line(reader):  # trailers
                pass
            return
        async for piece in _pieces(reader, size):
            yield piece
        if await _line(reader):
            raise BrokenResponse("a chunk is longer than its size says")


async def _until_closed(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while piece := await reader.read(_PIECE):
        yield piece


async def read_response(reader: asyncio.StreamReader) -> Response:
    """Read a response's head and return it with its body, as its headers say it is framed."""
    status_line = (await _line(reader)).split(b" ", 2)
    if len(status_line) < 2 or not status_line[0].startswith(b"HTTP/1.") or not status_line[1].isdigit():
        raise BrokenResponse(f"the answer isn't HTTP/1: {b' '.join(status_line)[:80]!r}")
    status = int(status_line[1])
    headers: dict[str, str] = {}
    while line := await _line(reader):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "")
    body: AsyncIterator[bytes]
    if status in {204, 304}:
        body = _pieces(reader, 0)
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body = chunked(reader)
    elif length.isdecimal():
        body = _pieces(reader, int(length))
    else:
        body = _until_closed(reader)
    return Response(status, headers, body)


@asynccontextmanager
async def request(
    socket: str, method: str, target: str, *, headers: Mapping[str, str], body: bytes
) -> AsyncIterator[Response]:
    """Send a request; the connection is closed at the end of the block. Raises OSError, BrokenResponse."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=_HEAD_LIMIT)
    try:
        fields = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **headers}
        head = "".join([f"{method} {target} HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in fields.items())])
        writer.write(head.encode("latin-1") + b"\r\n" + body)
        await writer.drain()
        yield await read_response(reader)
    finally:
        writer.close()
