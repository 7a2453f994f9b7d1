"""lz4 (its frame format, 1.6.3): frames one after the other, cut by their headers.

liblz4 verifies what a frame carries: checksums of its blocks and content, and its size where it is told.
A frame without checksums can hide a flipped bit: only a digest of the image notices it.
"""

from collections.abc import Generator, Iterator
from typing import Any

import lz4.frame

from osie.actions.unpack.faults import Fault, Truncated
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.frame_walker import FrameError, Walker
from osie.actions.unpack.frames import frames
from osie.actions.unpack.parts import PIECE_BYTES, Part

_STORED_PLAIN = 1 << 31
_VERSION, _BLOCK_CHECKSUM, _CONTENT_SIZE, _CONTENT_CHECKSUM, _DICTIONARY = 0x40, 0x10, 8, 4, 1


def parts(feed: Feed) -> Iterator[Part]:
    """Small frames together, larger ones alone, and those too large to be held as a stream."""
    return frames(feed, Lz4Walker(), _decompressed)


class Lz4Walker(Walker):
    """Walks over lz4 frames."""

    kind = "lz4"
    magic = 0x184D2204

    def frame(self) -> Generator[int, bytes, None]:
        """One frame's headers."""
        flags, sizes = yield 2
        if flags & 0xC0 != _VERSION or sizes & 0x40 == 0:
            raise FrameError("a frame of an unknown kind")
        if flags & _DICTIONARY:
            raise FrameError("the frame needs a dictionary")
        block = 1 << (8 + 2 * (sizes >> 4 & 7))  # 64 KiB, 256 KiB, 1 MiB or 4 MiB
        self.window = 2 * block  # liblz4 keeps a block on either side
        told = yield 8 + 1 if flags & _CONTENT_SIZE else 1
        if flags & _CONTENT_SIZE and self.frames == 0:
            self.content_size = int.from_bytes(told[:8], "little")
        while size := int.from_bytes((yield 4), "little"):
            self.skip = (size & ~_STORED_PLAIN) + (4 if flags & _BLOCK_CHECKSUM else 0)
            self.raw_most += block
        self.skip = 4 if flags & _CONTENT_CHECKSUM else 0


def _decompressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    context: Any = lz4.frame.create_decompression_context()
    ended = True
    for chunk in chunks:
        rest = memoryview(chunk)
        more = False  # liblz4 may hold what found no place in the piece
        while rest or more:
            try:
                piece, used, ended = lz4.frame.decompress_chunk(context, rest, max_length=PIECE_BYTES)
            except RuntimeError as error:
                raise Fault(str(error).removeprefix("LZ4F_decompress failed with code: ")) from None
            rest = rest[used:]
            more = len(piece) == PIECE_BYTES and not ended
            if piece:
                yield piece
    if not ended:
        raise Truncated
