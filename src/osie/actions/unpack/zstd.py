"""zstd (RFC 8878): frames one after the other, cut by their headers and decompressed each for itself.

A frame without a checksum (`zstd --no-check`, and what libraries write unless told otherwise) can hide a
flipped bit: only a digest of the image notices it.
"""

from collections.abc import Iterator
from typing import IO, cast

import zstandard

from osie.actions.unpack.faults import Fault
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.frames import frames
from osie.actions.unpack.lending import lent_bytes
from osie.actions.unpack.parts import PIECE_BYTES, Part
from osie.actions.unpack.zstd_frames import FrameWalker


def parts(feed: Feed) -> Iterator[Part]:
    """Small frames together, larger ones alone, and those too large to be held as a stream."""
    lent = lent_bytes()
    return frames(feed, FrameWalker(), lambda chunks: _decompressed(chunks, lent), lent)


class _Input:
    """A file of chunks for the decompressor, which takes them whatever their size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, _most: int = -1) -> bytes:
        """The next chunk; empty at the end."""
        return next(self._chunks, b"")


def _decompressed(chunks: Iterator[bytes], lent: int) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=lent)
    source = cast("IO[bytes]", _Input(chunks))
    with decompressor.stream_reader(source, read_size=PIECE_BYTES, read_across_frames=True) as reader:
        while True:
            try:
                piece = reader.read(PIECE_BYTES)
            except zstandard.ZstdError as error:
                raise Fault(str(error)) from None
            if not piece:
                return
            yield piece
