"""Where an image comes from: stored bytes that can be had from any place, over and over, in order."""

import urllib.parse
from collections.abc import Iterator
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

    @property
    def total(self) -> int | None:
        """Stored bytes; None where the server doesn't say. Known after `open`."""

    @property
    def ends_clearly(self) -> bool:
        """Whether a stream that was cut off can be told from one that ended. Known after `open`."""

    @property
    def seekable(self) -> bool:
        """Whether chunks(start) costs only the bytes from `start` on. Known after `open`."""

    def open(self) -> None:
        """Reach it; raises SourceError where that can't be done."""

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) in order, in pieces of at most CHUNK_BYTES; `end` None is the image's end.

        May be called again, one iterator after the other: always the same version of the image. Raises
        SourceError where the bytes can't be had, or are those of another version.
        """

    def close(self) -> None:
        """Give up connections and threads; an iterator that is under way may end with SourceError."""


def whole(source: Source, most_bytes: int, name: str) -> bytes:
    """All of a small document's bytes, and the source's end; SourceError where they're more."""
    try:
        source.open()
        content = b"".join(source.chunks(0, most_bytes + 1))
    finally:
        source.close()
    if len(content) > most_bytes:
        raise SourceError(f"{name}: larger than the {most_bytes} bytes that are expected at most")
    return content
