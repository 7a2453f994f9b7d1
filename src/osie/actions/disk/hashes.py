"""What each block of an image should be: told by a manifest, or noted while the image is written."""

import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Protocol

from osie.actions import zeroes
from osie.contracts.image_manifest import BLOCK_BYTES


class Hashes(Protocol):
    """A hash per block; the last block may be shorter. An image manifest is one."""

    @property
    def raw_size(self) -> int:
        """The image's bytes."""

    @property
    def block_size(self) -> int:
        """Bytes of each block but the last."""

    @property
    def block_count(self) -> int:
        """How many blocks there are."""

    @property
    def of_zeroes(self) -> bytes:
        """The hash of a whole block of zeroes."""

    def hash_of(self, index: int) -> bytes:
        """The hash of a block."""

    def hashed(self, pieces: Iterable[memoryview]) -> bytes:
        """The hash of these bytes."""


class NotedHashes:
    """A CRC-32 for each 4 MiB of what goes by: for an image that has no manifest.

    It is to find what a disk lost or altered, which nobody chooses to deceive us: one such block in 2^32
    is overlooked. It costs a tenth of a SHA-256, where the processor has no instructions for that.
    """

    block_size = BLOCK_BYTES

    def __init__(self) -> None:
        self.raw_size = 0
        self._hashes = bytearray()  # of the blocks that are whole
        self._crc = 0  # of the block that isn't, but for the zeroes that it begins with
        self._zeroes = 0  # how many bytes of it those are, while it has nothing else

    @cached_property
    def of_zeroes(self) -> bytes:
        """The hash of a whole block of zeroes."""
        return self.hashed([memoryview(zeroes.BLOCK)])

    @property
    def block_count(self) -> int:
        """How many blocks there are, the begun one included."""
        return -(-self.raw_size // self.block_size)

    def hash_of(self, index: int) -> bytes:
        """The hash of a block; that of the last one changes while more is added."""
        start = index * _CRC_BYTES
        return bytes(self._hashes[start : start + _CRC_BYTES]) or self._so_far()

    def hashed(self, pieces: Iterable[memoryview]) -> bytes:
        """The CRC-32 of these bytes."""
        crc = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
        return crc.to_bytes(_CRC_BYTES, "big")

    def add(self, piece: bytes) -> None:
        """Note the image's next bytes."""
        rest = memoryview(piece)
        while rest:
            done = self.raw_size % self.block_size
            part = rest[: self.block_size - done]
            if self._zeroes == done and zeroes.are(part):
                self._zeroes += len(part)
            else:
                self._crc, self._zeroes = zlib.crc32(part, self._value()), -1
            self.raw_size += len(part)
            rest = rest[len(part) :]
            if self.raw_size % self.block_size == 0:
                self._hashes += self._so_far()
                self._crc = self._zeroes = 0

    def _value(self) -> int:
        return self._crc if self._zeroes < 0 else zlib.crc32(memoryview(zeroes.BLOCK)[: self._zeroes])

    def _so_far(self) -> bytes:
        whole = self._zeroes == self.block_size
        return self.of_zeroes if whole else self._value().to_bytes(_CRC_BYTES, "big")

    def passing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, each noted on its way; a stage for `read_ahead`: it costs as much as writing."""
        for piece in pieces:
            self.add(piece)
            yield piece


_CRC_BYTES = 4
