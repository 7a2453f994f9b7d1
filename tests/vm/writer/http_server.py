"""Files over HTTP with ranges, in the event loop of the test."""

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
class _Files:
    """What is served, and to whom."""

    files: Mapping[str, bytes]  # by path, such as /image
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
        if request.method == "GET":
            for start in range(first, last + 1, _PIECE):
                piece = content[start : min(start + _PIECE, last + 1)]
                try:
                    await response.write(piece)
                except ConnectionError:  # the machine has no power
                    break
        return response


@asynccontextmanager
async def serving(files: Mapping[str, bytes], listening: socket.socket) -> AsyncIterator[None]:
    """Serve the files on the socket, which is closed at the end."""
    served = _Files(files)
    application = web.Application()
    application.router.add_get("/{path:.*}", served.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        for connection in served.connections:  # a machine that lost its power never closed its own
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.wait_for(runner.cleanup(), 10)
