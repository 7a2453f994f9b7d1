"""What each block of an image should be: told by a manifest, or noted while the image is written."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Protocol

from osie.contracts.image_manifest import BLOCK_BYTES, zero_hash


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
    """Hashes of what goes by: for an image that has no manifest. 32 bytes for each 4 MiB.

    With a `share` below 1 only so many of the blocks, chosen at random, are hashed; and the first two and the
    last, and those of zeroes, which cost nothing.
    """

    algorithm = "sha256"
    block_size = BLOCK_BYTES

    def __init__(self, share: float = 1.0) -> None:
        self.raw_size = 0
        self._share = share
        self._hashes = bytearray()  # of the blocks that are whole; zeroes where it isn't known
        self._pieces: list[memoryview] = []  # of the block that isn't
        self._chance = random.SystemRandom()  # not to be foreseen, nor the same on every run

    @property
    def block_count(self) -> int:
        """How many blocks there are, the begun one included."""
        return -(-self.raw_size // self.block_size)

    @property
    def known(self) -> Sequence[int]:
        """The blocks whose hashes are known."""
        if self._share >= 1:
            return range(self.block_count)
        return [index for index in range(self.block_count) if self.hash_of(index) != _UNKNOWN]

    def hash_of(self, index: int) -> bytes:
        """The digest of a block; that of the last one changes while more is added."""
        start = index * len(_UNKNOWN)
        return bytes(self._hashes[start : start + len(_UNKNOWN)]) or _hash(self._pieces)

    def add(self, piece: bytes) -> None:
        """Note the image's next bytes."""
        rest = memoryview(piece)
        while rest:
            room = self.block_size - self.raw_size % self.block_size
            self._pieces.append(rest[:room])
            self.raw_size += len(rest[:room])
            rest = rest[room:]
            if self.raw_size % self.block_size == 0:
                self._hashes += self._noted(len(self._hashes) // len(_UNKNOWN))
                self._pieces.clear()

    def _noted(self, index: int) -> bytes:
        if _is_zero(self._pieces):
            return zero_hash(self.block_size)
        if index >= 2 and self._chance.random() >= self._share:
            return _UNKNOWN
        return _hash(self._pieces)

    def passing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, each noted on its way; a stage for `read_ahead`: it costs as much as writing."""
        for piece in pieces:
            self.add(piece)
            yield piece


_UNKNOWN = bytes(32)
_ZEROES = bytes(BLOCK_BYTES)


def _is_zero(pieces: Sequence[memoryview]) -> bool:
    return all(_ZEROES.startswith(piece) for piece in pieces)  # memcmp, which ends at the first difference


def _hash(pieces: Sequence[memoryview]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
