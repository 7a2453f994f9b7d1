"""A source in memory that gives its bytes in odd pieces, slowly, and may break off for good."""

import threading
from collections.abc import Iterator, Sequence

from osie.actions.fetch.source import CHUNK_BYTES, SourceError

_WHILE_S = 0.001


class ShakySource:
    """A `Source`. Each stream begins with pieces of the given sizes; odd ones come after a while."""

    ends_clearly = True

    def __init__(
        self, body: bytes, *, sizes: Sequence[int] = (), breaks_at: int | None = None, seekable: bool = True
    ) -> None:
        self.total = len(body)
        self.seekable = seekable
        self._body = body
        self._sizes = sizes
        self._breaks_at = len(body) if breaks_at is None else breaks_at

    def open(self) -> None:
        """It is there."""

    def close(self) -> None:
        """Nothing is open."""

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes, up to where it breaks."""
        stop, sizes = self.total if end is None else end, iter(self._sizes)
        while start < stop:
            size = min(next(sizes, CHUNK_BYTES), stop - start)
            if size % 2:
                threading.Event().wait(_WHILE_S)
            if start + size > self._breaks_at:
                raise SourceError("the source is gone")
            yield self._body[start : start + size]
            start += size
