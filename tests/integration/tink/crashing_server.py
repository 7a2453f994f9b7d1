"""A server that dies at one of its writes: right after the commit, or right before it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.grpc import agent_service
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

# Logs and progress don't count: a worker tells them again until they are answered, or for some seconds.
_CHANGES = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (?!action_logs|progress)")
_CHANGED = "osie_changed"


class CrashingStore(Store):
    """Counts the transactions that change something once it is armed, and takes the process with it."""

    left: int | None = None  # commits that are left to this process; None: not armed
    lose_the_next = False  # die before the commit that follows them, not right after the last

    def arm(self, commits: int, lose_the_next: bool) -> None:
        """Die at a write to come."""
        self.left, self.lose_the_next = commits, lose_the_next

        @sa.event.listens_for(self._engine.sync_engine, "after_cursor_execute")
        def look(connection: sa.Connection, cursor: Any, statement: str, *_: object) -> None:
            if _CHANGES.match(statement) and cursor.rowcount != 0:
                connection.info[_CHANGED] = True

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction as Store has them, perhaps the last."""
        changed = False
        async with super().write() as connection:
            assert connection.sync_connection is not None
            connection.sync_connection.info.pop(_CHANGED, None)
            yield connection
            changed = self.left is not None and _CHANGED in connection.sync_connection.info
            if changed and self.left == 0:
                os._exit(137)
        if self.left is not None and changed:
            self.left -= 1
            if self.left == 0 and not self.lose_the_next:
                os._exit(137)


async def _serve(url: str, port: int, lose_the_next: bool) -> None:
    store = await CrashingStore.open(url)
    assert isinstance(store, CrashingStore)
    store.arm(1, lose_the_next)
    async with Tink(store, tick_s=3600) as tink, agent_service.serve(tink.agents, f"127.0.0.1:{port}"):
        await asyncio.Event().wait()


def run(url: str, port: int, lose_the_next: bool) -> None:
    """The process's life: one change that is kept, and with `lose_the_next` another that is not."""
    asyncio.run(_serve(url, port, lose_the_next))
