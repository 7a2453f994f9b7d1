"""The soak's databases: a file of SQLite's, or a PostgreSQL of its own that can be made to crash."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from own_postgres import OwnPostgres, own_postgres


@dataclass(frozen=True)
class Database:
    """Where the servers keep everything."""

    url: str
    servers: int  # how many share it
    postgres: OwnPostgres | None = None

    def crash(self) -> bool:
        """Kill the database and start it again; False where it is a part of the server."""
        if self.postgres is None:
            return False
        self.postgres.crash()
        self.postgres.start()
        return True


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """A new, empty one: "sqlite" or "postgresql"."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="osie-soak-", dir="/var/tmp") as folder:
            yield Database(f"sqlite+aiosqlite:///{Path(folder) / 'tink.db'}", 1)
    else:
        with own_postgres() as server:
            yield Database(server.url, 2, server)
