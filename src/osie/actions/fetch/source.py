"""Where an image comes from: a stream of bytes whose end is known, with the length where it is known."""

import os
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from osie.core.errors import OsieError

CHUNK_BYTES = 1 << 20


def shown(url: str) -> str:
    """The URL for people and logs: without its query, which may be a signature that grants access."""
    return urllib.parse.urlunsplit(urllib.parse.urlsplit(url)._replace(query="", fragment=""))


class SourceError(OsieError):
    """The image can't be fetched whole."""


class Source(Protocol):
    """An image's bytes as they are stored: compressed or not."""

    total: int | None  # bytes; None where the server doesn't say. Known after `open`.
    ends_clearly: bool  # whether a stream that was cut off can be told from one that ended

    def open(self) -> None:
        """Reach it; raises SourceError where that can't be done."""

    def chunks(self) -> Iterator[bytes]:
        """All bytes, in order, once. Raises SourceError where the stream can't be had to its end."""


class FileSource:
    """A file on a file system that the container sees."""

    def __init__(self, url: str) -> None:
        self._path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
        self.total: int | None = None
        self.ends_clearly = True

    def open(self) -> None:
        """Look how long it is."""
        try:
            with self._path.open("rb") as file:
                self.total = file.seek(0, os.SEEK_END)
        except OSError as error:
            raise SourceError(f"can't read {self._path}: {error.strerror}") from error

    def chunks(self) -> Iterator[bytes]:
        """Read it; a file that became shorter or longer meanwhile is an error."""
        done = 0
        try:
            with self._path.open("rb", buffering=0) as file:
                while chunk := file.read(CHUNK_BYTES):
                    done += len(chunk)
                    yield chunk
        except OSError as error:
            raise SourceError(f"can't read {self._path}: {error.strerror}") from error
        if done != self.total:
            raise SourceError(f"{self._path} changed while it was read: {self.total} bytes, then {done}")
