"""A look into an image before it is fetched: bytes from any place, decompressed where it is stored so."""

from osie.actions.fetch.source import Source
from osie.actions.pipeline.stream import closing
from osie.actions.unpack.decompress import decompressed

HEAD_BYTES = 1 << 20  # kept: almost all that is asked for is in there


class Look:
    """The image in `source`, compressed as `packed` ("raw": not)."""

    def __init__(self, source: Source, packed: str) -> None:
        self._source = source
        self._packed = packed
        self._head: bytes | None = None

    def at(self, start: int, length: int) -> bytes:
        """So many bytes from `start` on; fewer at the end. Raises SourceError and ImageError."""
        if self._head is None:
            self._head = self._read(0, HEAD_BYTES)
        if start + length <= HEAD_BYTES or len(self._head) < HEAD_BYTES:
            return self._head[start : start + length]
        return self._read(start, length)

    def _read(self, start: int, length: int) -> bytes:
        total = self._source.total
        if self._packed == "raw" and total is not None:
            if start >= total:
                return b""
            return b"".join(self._source.chunks(start, min(start + length, total)))
        # from the beginning on: no other place can be told in it
        chunks = self._source.chunks()
        pieces = decompressed(chunks, self._packed, bear=lambda _count: None)  # told where all is fetched
        found, position, end = bytearray(), 0, start + length
        with closing(pieces, chunks):
            for piece in pieces:
                found += piece[max(start - position, 0) : end - position]
                position += len(piece)
                if position >= end:
                    break
        return bytes(found)
