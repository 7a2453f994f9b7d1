"""The store: where everything is that must outlive this process. Opening it brings its tables up to date."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from osie.core.errors import OsieError

_READ_ONLY = "osie_read_only"
_MIGRATING = 0x051E  # PostgreSQL's advisory lock: one server migrates, or applies, at a time
_BUSY_MS = 30_000
_PRIVATE = 0o600
_PASSWORD = re.compile(r":(?!//).*@")  # in what may be no URL at all
_MANUAL = re.compile(r"\s*\(Background on this error at: [^)]*\)")
_CONNECTIONS = 16  # kept; what is above that is made and closed for each use, which costs more than the use


class StoreError(OsieError):
    """The store can't be opened."""


class Store:
    """A database, by SQLAlchemy Core. What the tables mean is the business of the modules that query them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # SQLite has one writer: waiting here, in order, is fairer than its retries.
        self._writer = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Open sqlite+aiosqlite:///FILE or postgresql+psycopg://... and migrate it. Raises StoreError."""
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() == "sqlite":
                _keep_private(_file_of(parsed))
            engine = create_async_engine(parsed, pool_size=_CONNECTIONS, max_overflow=_CONNECTIONS)
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(
                _PASSWORD.sub(":***@", f"{url!r} is no database that can be used: {said(error)}"),
                hint="sqlite+aiosqlite:///FILE or postgresql+psycopg://...",
            ) from None
        told = engine.url.render_as_string(hide_password=True)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        elif engine.dialect.name != "postgresql":
            raise StoreError(f"{told}: neither SQLite nor PostgreSQL")
        store = cls(engine)
        try:
            await store._migrate()
        except CommandError as error:
            await store.close()
            raise StoreError(
                f"{told}: can't be brought up to date: {error}", hint="was it written by a newer Osie?"
            ) from error
        except (SQLAlchemyError, OSError) as error:
            await store.close()
            raise StoreError(f"{told}: can't be opened: {said(error)}") from None  # it'd be told twice
        return store

    async def close(self) -> None:
        """Give every connection back."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, and sees one state of the store."""
        async with self._engine.connect() as connection:
            await connection.execution_options(**{_READ_ONLY: True})
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write: durable once the block is left without an error."""
        if self._writer is None:
            async with self._engine.begin() as connection:
                yield connection
        else:
            async with self._writer, self._engine.begin() as connection:
                yield connection

    @property
    def shared(self) -> bool:
        """Whether other servers may work on it, too."""
        return self._engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[AsyncIterator[str]]:
        """What servers on the store announce on a channel (PostgreSQL only). Raises psycopg's errors, too."""
        async with self._engine.connect() as connection:
            try:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.exec_driver_sql(f"LISTEN {channel}")
                driver: Any = (await connection.get_raw_connection()).driver_connection
                yield (told.payload async for told in driver.notifies())
            finally:
                await connection.invalidate()  # whoever had it next would listen, too

    async def _migrate(self) -> None:
        async with self.write() as connection:
            await one_at_a_time(connection)
            await connection.run_sync(_upgrade)


def said(error: Exception) -> str:
    """The database's own words: without the statement, its values, and SQLAlchemy's link to its manual."""
    if isinstance(error, sa.exc.DBAPIError):
        return str(error.orig)
    return _MANUAL.sub("", str(error))


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Wait until no other server is in such a transaction. (SQLite's write transactions are so by nature.)"""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))


def insert(connection: AsyncConnection, table: sa.Table) -> Any:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`: both dialects spell them alike."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _file_of(url: sa.URL) -> Path:
    # Told by us, since aiosqlite leaves a thread behind when it can't open a file.
    file = Path(url.database or "")
    if url.database in (None, "", ":memory:"):
        raise StoreError(f"{url}: no file named", hint="sqlite+aiosqlite:///FILE")
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise StoreError(f"{url}: can't be opened: {file.parent} is no folder that we may write to")
    return file


def _keep_private(file: Path) -> None:
    """Have only our user read the database: it has join tokens, passwords, user data.

    SQLite gives its -wal and -shm files the mode of the database (sqlite.org, os_unix.c, findCreateFileMode).
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    except OSError:
        return  # SQLite will say why it can't be opened
    os.close(descriptor)
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        with suppress(OSError):  # not there, or another user's
            file.with_name(name).chmod(_PRIVATE)


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @sa.event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        cursor = connection.cursor()
        # FULL: with WAL, the default NORMAL may lose the last transactions when the power goes.
        for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        # IMMEDIATE: a transaction that reads first and writes later could else fail when it comes to write.
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
