"""What machines send to syslog, stored a moment later, many lines at once: a commit writes to the disk."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from osie.tink.domain import topics
from osie.tink.service.notifier import Notifier
from osie.tink.store import journal
from osie.tink.store.database import Store, said

_FLUSH_S = 0.25  # lines are gathered for this long
_MOST_WAITING = 10_000
_LONGEST = 8192  # characters of a line

_log = structlog.get_logger("osie.tink")


class MachineLog:
    """Lines on their way to the store; the oldest go where the store is away for too long."""

    def __init__(self, store: Store, notifier: Notifier, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._notifier = notifier
        self._now = now
        self._lines: list[tuple[str, float, str]] = []
        self._flusher: asyncio.Task[None] | None = None

    def add(self, mac: str, line: str) -> None:
        """File a line of the machine with this address (in normal form)."""
        if len(self._lines) >= _MOST_WAITING:
            del self._lines[0]
        self._lines.append((mac, self._now(), line.replace("\0", "\ufffd")[:_LONGEST]))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_FLUSH_S)
        try:
            await self.flush()
        except (SQLAlchemyError, OSError) as error:  # the database is away: the next line tries again
            _log.warning("machines' lines not stored", waiting=len(self._lines), error=said(error))

    async def flush(self) -> None:
        """Store the lines that wait. Those that can't be stored go on waiting."""
        while self._lines:
            lines, self._lines = self._lines, []
            try:
                async with self._store.write() as connection:
                    await journal.add_lines(connection, lines)
            except BaseException:
                self._lines = [*lines, *self._lines][-_MOST_WAITING:]
                raise
            for address in {address for address, _, _ in lines}:
                self._notifier.ring(topics.machine(address))

    async def close(self) -> None:
        """Store what waits, for the last time."""
        if self._flusher is not None:
            self._flusher.cancel()
            with suppress(asyncio.CancelledError):
                await self._flusher
        await self.flush()
