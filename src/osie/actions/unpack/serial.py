"""Decoders that take a stream as it comes: gzip's members, xz' and bzip2's streams, one after the other."""

import bz2
import lzma
from collections.abc import Iterator
from typing import Protocol, cast

from isal import igzip_lib

from osie.actions.unpack.faults import Fault, Truncated
from osie.actions.unpack.feed import CHUNK_BYTES, Feed
from osie.actions.unpack.parts import PIECE_BYTES

_XZ_OWN_BYTES = 1 << 20  # of liblzma besides the dictionary
ISAL_ERROR = cast("type[Exception]", igzip_lib.IsalError)  # its types call the class an instance


class Decoder(Protocol):
    """The interface of the standard library's bz2 and lzma decompressors, and of isal's."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether it gives nothing more without more data."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What follows the stream's end."""
        ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Take `data`; return at most `max_length` bytes. Raises an error of the library."""
        ...


def bzip2_decoder() -> Decoder:
    """For one bzip2 stream."""
    return bz2.BZ2Decompressor()


def xz_decoder(lent: int) -> Decoder:
    """For one xz stream, with so many bytes for its dictionary."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=lent + _XZ_OWN_BYTES)


def decoded(decoder: Decoder, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What the chunks hold, until the decoder sees the end or there are no more. Raises Fault."""
    for chunk in chunks:
        data = chunk
        while data or not (decoder.needs_input or decoder.eof):
            try:
                piece = decoder.decompress(data, PIECE_BYTES)
            except (OSError, EOFError, ValueError, lzma.LZMAError, ISAL_ERROR) as error:
                raise Fault(str(error)) from None
            data = b""
            if piece:
                yield piece
            if decoder.eof:
                return


def streamed(feed: Feed, decoder: Decoder, most: int = CHUNK_BYTES) -> Iterator[bytes]:
    """What one stream at the feed's place holds; the feed then stands behind it. Raises Fault."""
    yield from decoded(decoder, iter(lambda: feed.take(most), b""))
    if not decoder.eof:
        raise Truncated
    feed.back(decoder.unused_data)
