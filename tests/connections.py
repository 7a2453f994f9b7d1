"""A server on a Unix socket, for tests, that leaves no connection open when it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answered(path: Path, handler: Handler, *, limit: int = 1 << 16) -> AsyncIterator[None]:
    """Give each connection made at `path` to the handler; it is closed when the handler returns.

    A peer that goes away ends its handler, no more; what else a handler raises fails the test. What is
    still at work at the end is cancelled and waited for.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            try:
                await handler(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    async with asyncio.TaskGroup() as group:
        working: list[asyncio.Task[None]] = []

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            working.append(group.create_task(serve(reader, writer)))

        async with await asyncio.start_unix_server(connected, path, limit=limit):
            yield
        for task in working:
            task.cancel()
