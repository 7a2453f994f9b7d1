"""The stored bytes, read by any length and put back, with the place where we are."""

from collections.abc import Iterator

from osie.actions.unpack.faults import Truncated

CHUNK_BYTES = 1 << 20


class Feed:
    """What `chunks` brings, read forwards. What it raises passes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = (chunk for chunk in chunks if chunk)
        self._chunk, self._start = b"", 0  # what is at hand, and where the next byte is in it
        self.offset = 0  # stored bytes before the next

    def take(self, most: int = CHUNK_BYTES) -> bytes:
        """From 1 to `most` bytes, as they are at hand; none at the end."""
        if self._start == len(self._chunk):
            self._chunk, self._start = next(self._chunks, b""), 0
        taken = self._chunk[self._start : self._start + most]  # no copy where it's the whole chunk
        self._start += len(taken)
        self.offset += len(taken)
        return taken

    def exactly(self, size: int) -> bytes:
        """So many bytes; fewer only at the end."""
        taken = self.take(size)
        if len(taken) == size or not taken:
            return taken
        parts, have = [taken], len(taken)
        while have < size and (taken := self.take(size - have)):
            parts.append(taken)
            have += len(taken)
        return b"".join(parts)

    def need(self, size: int) -> bytes:
        """So many bytes. Raises Truncated where there are fewer."""
        data = self.exactly(size)
        if len(data) < size:
            raise Truncated
        return data

    def runs(self, size: int) -> Iterator[bytes]:
        """So many bytes in pieces; fewer only at the end."""
        while size > 0 and (taken := self.take(min(size, CHUNK_BYTES))):
            size -= len(taken)
            yield taken

    def untake(self, size: int) -> None:
        """Put back so many of the bytes that the last `take` gave."""
        self.offset -= size
        self._start -= size

    def back(self, data: bytes) -> None:
        """Put back what was read last, or its end."""
        self.offset -= len(data)
        if self._start >= len(data):
            self._start -= len(data)
        else:
            self._chunk, self._start = data + self._chunk[self._start :], 0

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read; fewer only at the end."""
        seen = self.exactly(size)
        self.back(seen)
        return seen
