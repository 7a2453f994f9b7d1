"""Decompression as a stream of bounded pieces. A stream that is cut off, corrupt or followed by anything else
is an error in every format; several members, streams or frames in a row are one image.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol, cast

import zstandard

from osie.actions.unpack.zstd_frames import FrameError, FrameWalker
from osie.core.errors import OsieError

PIECE_BYTES = 1 << 20
_MEMORY_BYTES = 1 << 27  # the largest window (zstd) or dictionary (xz) we lend memory to
_SNIFF_BYTES = 8

_MAGIC = {
    "gzip": (b"\x1f\x8b\x08",),
    "xz": (b"\xfd7zXZ\x00",),
    "bzip2": tuple(b"BZh%d" % level for level in range(1, 10)),
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))),
}
_REFUSED = {
    "a qcow2 image": (b"QFI\xfb",),
    "a VMDK image": (b"KDMV", b"# Disk D"),
    "a VHDX image": (b"vhdxfile",),
    "a zip archive": (b"PK\x03\x04",),
    "lz4": (b"\x04\x22\x4d\x18",),
    "a web page": (b"<!DOCTYP", b"<!doctyp", b"<html", b"<HTML"),
}


class ImageError(OsieError):
    """What arrived is not the whole of a proper image."""


def kind_of(first: bytes) -> str:
    """`raw`, `gzip`, `xz`, `bzip2` or `zstd`, by the first bytes. Raises ImageError for what is no disk."""
    if not first:
        raise ImageError("the image is empty")
    for what, magics in _REFUSED.items():
        if first.startswith(magics):
            raise ImageError(f"the image is {what}", hint="raw, gzip, xz, bzip2 and zstd can be written")
    for kind, magics in _MAGIC.items():
        if first.startswith(magics):
            return kind
    return "raw"


def size_told(first: bytes, kind: str, total: int | None) -> int | None:
    """The decompressed image's size where its start tells; in zstd that of the first frame: the least."""
    if kind == "raw":
        return total
    if kind != "zstd":
        return None
    walker = FrameWalker()
    try:
        walker.feed(first[:18])  # the longest frame header
    except FrameError:
        return None  # told when it's decompressed
    return walker.content_size


def decompressed(chunks: Iterator[bytes], kind: str) -> Iterator[bytes]:
    """The image's bytes in pieces of at most PIECE_BYTES. Raises ImageError; what `chunks` raises passes."""
    if kind == "raw":
        return (chunk for chunk in chunks if chunk)
    if kind == "zstd":
        return _zstd(chunks)
    return _members(chunks, kind)


def blocks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of exactly `size`, but for the last."""
    held: list[bytes] = []
    have = 0
    for piece in pieces:
        held.append(piece)
        have += len(piece)
        while have >= size:
            whole = held[0] if len(held) == 1 else b"".join(held)
            held = [whole[size:]] if have > size else []
            have -= size
            yield whole[:size]
    if have:
        yield b"".join(held)


class _Decoder(Protocol):
    """The interface of the standard library's bz2 and lzma decompressors."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)  # 16 + 15: a gzip header, the largest window
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        tail = self._inflate.unconsumed_tail
        piece = self._inflate.decompress(tail + data if tail else data, max_length)
        self.needs_input = len(piece) < max_length and not self._inflate.unconsumed_tail
        return piece


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES),
}


def _corrupt(kind: str, done: int, error: Exception) -> ImageError:
    return ImageError(f"the image is corrupt: {kind} fails after {done} decompressed bytes: {error}")


def _trailing(kind: str) -> ImageError:
    return ImageError(f"the image is corrupt: something else follows the end of its {kind} data")


def _truncated(kind: str, done: int) -> ImageError:
    return ImageError(
        f"the image is truncated: its {kind} data stops in the middle, after {done} decompressed bytes"
    )


def _members(chunks: Iterator[bytes], kind: str) -> Iterator[bytes]:
    """gzip's members, xz' or bzip2's streams, one after the other."""
    decoder: _Decoder | None = None  # None: between members
    members, padding, done = 0, 0, 0
    for chunk in chunks:
        data = chunk
        while data or (decoder is not None and not decoder.needs_input and not decoder.eof):
            if decoder is None:
                if kind == "xz" and members:
                    stripped = data.lstrip(b"\0")  # xz pads streams to four bytes (its format, 2.2)
                    padding += len(data) - len(stripped)
                    data = stripped
                    if not data:
                        break
                if padding % 4 or (members and not _may_be(kind, data)):
                    raise _trailing(kind)
                decoder, padding = _DECODERS[kind](), 0
            try:
                piece = decoder.decompress(data, PIECE_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                raise _corrupt(kind, done, error) from None
            data = b""
            done += len(piece)
            if piece:
                yield piece
            if decoder.eof:
                data, decoder, members = decoder.unused_data, None, members + 1
    if decoder is not None or not members:
        raise _truncated(kind, done)
    if padding % 4:
        raise _trailing(kind)


def _may_be(kind: str, data: bytes) -> bool:
    """Whether the data may be the beginning, however short, of another member."""
    return any(data[: len(magic)] == magic[: len(data)] for magic in _MAGIC[kind])


class _WatchedInput:
    """A file of the chunks for the decompressor, which shows them to a FrameWalker on their way."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.walker = FrameWalker()

    def read(self, _most: int = -1) -> bytes:
        """The next chunk, whatever its size; empty at the end."""
        chunk = next(self._chunks, b"")
        self.walker.feed(chunk)
        return chunk


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    source, done = _WatchedInput(chunks), 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MEMORY_BYTES)
    with decompressor.stream_reader(
        cast("IO[bytes]", source), read_size=PIECE_BYTES, read_across_frames=True
    ) as reader:
        while True:
            try:
                piece = reader.read(PIECE_BYTES)
            except FrameError as error:
                raise (_trailing("zstd") if source.walker.frames else _corrupt("zstd", done, error)) from None
            except zstandard.ZstdError as error:
                raise _corrupt("zstd", done, error) from None
            if not piece:
                break
            done += len(piece)
            yield piece
    if not source.walker.between_frames or not source.walker.frames:
        raise _truncated("zstd", done)
