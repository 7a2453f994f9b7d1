"""What a request may cost: how large its body is, and how long it may take to arrive. Pure ASGI."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 32 * 2**20
PATIENCE_S = 60.0


class Limits:
    """Reads a request's body before the application sees it: 413 if it is too large, 408 if too slow."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES, patience_s: float = PATIENCE_S) -> None:
        self._app, self._most, self._patience_s = app, most_bytes, patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._patience_s):
                body = await self._body(receive)
        except TimeoutError:
            await self._refuse(scope, receive, send, 408, f"no whole request within {self._patience_s:g} s")
            return
        if body is None:
            told = f"the request is larger than {self._most} bytes: apply fewer files at once"
            await self._refuse(scope, receive, send, 413, told)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)

    async def _body(self, receive: Receive) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)  # the client went away: the application will see so
            size += len(message.get("body", b""))
            if size > self._most:
                return None
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(parts)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, told: str) -> None:
        # Closed, since the rest of the body may still be under way.
        await JSONResponse({"detail": told}, status, {"Connection": "close"})(scope, receive, send)
