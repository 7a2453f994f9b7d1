"""Files over HTTP with ranges, in the event loop of the test, which wants to know what was asked for."""

import asyncio
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

_PIECE = 256 << 10
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Served:
    """What the server was asked for."""

    files: Mapping[str, bytes]  # by path, such as /image
    sent: dict[str, int] = field(default_factory=dict)  # bytes by path
    firsts: dict[str, list[int]] = field(default_factory=dict)  # where each request began
    connections: set[web.RequestHandler] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The file or the range of it, with a strong ETag."""
        self.connections.add(request.protocol)
        content = self.files.get(request.path)
        if content is None:
            raise web.HTTPNotFound
        etag = f'"{hashlib.sha256(content[: 1 << 20]).hexdigest()[:16]}-{len(content)}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes"}
        first, last, status = 0, len(content) - 1, 200
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        if asked and request.headers.get("If-Range", etag) == etag:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
            if first > last:
                raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{len(content)}"})
            status = 206
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = last + 1 - first
        await response.prepare(request)
        self.firsts.setdefault(request.path, []).append(first)
        if request.method == "GET":
            for start in range(first, last + 1, _PIECE):
                piece = content[start : min(start + _PIECE, last + 1)]
                try:
                    await response.write(piece)
                except ConnectionError:  # the machine has no power
                    break
                self.sent[request.path] = self.sent.get(request.path, 0) + len(piece)
        return response

    def forget(self) -> None:
        """Count anew."""
        self.sent.clear()
        self.firsts.clear()


@asynccontextmanager
async def serving(files: Mapping[str, bytes], listening: socket.socket) -> AsyncIterator[Served]:
    """Serve the files on the socket, which is closed at the end."""
    served = Served(files)
    application = web.Application()
    application.router.add_get("/{path:.*}", served.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield served
    finally:
        for connection in served.connections:  # a machine that lost its power never closed its own
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.wait_for(runner.cleanup(), 10)
