"""Decompression as a stream of bounded pieces. A stream that is cut off or corrupt is an error in every
format, and so is anything but zeroes behind its end, unless somebody bears it; several members, streams or
frames in a row are one image.
"""

from collections.abc import Callable, Iterator

from osie.actions.unpack import bzip2, gzip, lz4, xz, zstd
from osie.actions.unpack.faults import ImageError
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.frame_walker import FrameError
from osie.actions.unpack.parts import PIECE_BYTES, Part, joined
from osie.actions.unpack.side_by_side import side_by_side
from osie.actions.unpack.zstd_frames import FrameWalker

__all__ = ["PIECE_BYTES", "ImageError", "blocks", "decompressed", "kind_of", "size_told"]

_MAGIC = {
    "gzip": (b"\x1f\x8b\x08",),
    "xz": (b"\xfd7zXZ\x00",),
    "bzip2": tuple(b"BZh%d" % level for level in range(1, 10)),
    "lz4": (b"\x04\x22\x4d\x18",),
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))),
}

_PARTS: dict[str, Callable[[Feed, bool], Iterator[Part]]] = {
    "gzip": gzip.parts,
    "bzip2": bzip2.parts,
    "xz": xz.parts,
    "zstd": lambda feed, _apart: zstd.parts(feed),
    "lz4": lambda feed, _apart: lz4.parts(feed),
}


def kind_of(first: bytes) -> str:
    """`raw`, `gzip`, `xz`, `bzip2`, `zstd` or `lz4`, by the first bytes. Raises ImageError for none."""
    if not first:
        raise ImageError("the image is empty")
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


def decompressed(
    chunks: Iterator[bytes],
    kind: str,
    *,
    threads: int = 1,
    begins: Callable[[int, int], None] | None = None,
    bear: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """The image's bytes in pieces of at most PIECE_BYTES. Raises ImageError; what `chunks` raises passes.

    More threads than one take parts of the image side by side, where its format allows. `begins` is called
    with stored and raw offset, ascending, where a part begins at which another call may start. `bear` is
    called with the number of bytes that follow the end and aren't zeroes; without it they are an error.
    """
    if kind == "raw":
        return (chunk for chunk in chunks if chunk)
    parts = _PARTS[kind](Feed(chunks), threads > 1)
    if threads > 1:
        parts = side_by_side(parts, threads)
    return joined(parts, kind, begins or (lambda _stored, _raw: None), bear)


def blocks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of exactly `size`, but for the last."""
    held: list[bytes | memoryview] = []
    need = size
    for piece in pieces:
        rest: bytes | memoryview = piece
        while len(rest) >= need:
            # a piece that is a block goes through without a copy
            yield piece if len(piece) == size == need else b"".join([*held, rest[:need]])
            rest = memoryview(rest)[need:]
            held, need = [], size
        if rest:
            held.append(rest)
            need -= len(rest)
    if held:
        yield b"".join(held)
