"""Bells that ring in every server on the same store: PostgreSQL carries them (LISTEN, NOTIFY).

SQLite has one server. A bell that is lost, since the database was away, costs the rest of a wait.
"""

import asyncio
from collections.abc import Iterable

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.service.notifier import Notifier
from osie.tink.store.database import Store, said

_CHANNEL = "osie_bells"
_AGAIN_S = 5.0

_log = structlog.get_logger("osie.tink")


async def announce(connection: AsyncConnection, topics: Iterable[str]) -> None:
    """Ring everywhere once this transaction is durable, and not if it fails."""
    if connection.dialect.name != "postgresql":
        return
    for topic in topics:
        await connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, topic)))


async def hear(store: Store, notifier: Notifier) -> None:
    """Ring here what any server announces, for as long as this runs. Without a database: again and again."""
    while not notifier.closed:
        try:
            async with store.listening(_CHANNEL) as announced:
                async for topic in announced:
                    notifier.ring(topic)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            _log.warning("bells of other servers not heard", error=said(error))
        await asyncio.sleep(_AGAIN_S)
