"""What each block of an image should be: told by a manifest, or noted while the image is written."""

import hashlib
from collections.abc import Iterator
from typing import Protocol

BLOCK_BYTES = 4 << 20


class Hashes(Protocol):
    """A hash per block; the last block may be shorter. An image manifest is one."""

    @property
    def raw_size(self) -> int:
        """The image's bytes."""

    @property
    def block_size(self) -> int:
        """Bytes of each block but the last."""

    @property
    def algorithm(self) -> str:
        """Its name in hashlib."""

    @property
    def block_count(self) -> int:
        """How many blocks there are."""

    def hash_of(self, index: int) -> bytes:
        """The digest of a block."""


class NotedHashes:
    """Hashes of what went by: for an image that has no manifest. 32 bytes for each 4 MiB."""

    algorithm = "sha256"
    block_size = BLOCK_BYTES

    def __init__(self) -> None:
        self.raw_size = 0
        self._whole: list[bytes] = []
        self._current = hashlib.sha256()

    @property
    def block_count(self) -> int:
        """How many blocks there are, the begun one included."""
        return -(-self.raw_size // self.block_size)

    def hash_of(self, index: int) -> bytes:
        """The digest of a block; that of the last one changes while more is added."""
        return self._whole[index] if index < len(self._whole) else self._current.digest()

    def add(self, piece: bytes) -> None:
        """Note the image's next bytes."""
        rest = memoryview(piece)
        while rest:
            room = self.block_size - self.raw_size % self.block_size
            self._current.update(rest[:room])
            self.raw_size += len(rest[:room])
            rest = rest[room:]
            if self.raw_size % self.block_size == 0:
                self._whole.append(self._current.digest())
                self._current = hashlib.sha256()

    def passing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, each noted on its way; it costs as much as writing: a stage for `read_ahead`."""
        for piece in pieces:
            self.add(piece)
            yield piece
