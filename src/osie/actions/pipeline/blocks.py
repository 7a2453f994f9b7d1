"""The way of an image with a manifest: its blocks from any place on, and no more fetched than needed."""

from collections.abc import Iterator
from typing import NamedTuple

from osie.actions import zeroes
from osie.actions.pipeline.stream import DECOMPRESSED_AHEAD, FETCHED_AHEAD, Flow, bears, closing, threads
from osie.actions.read_ahead import read_ahead
from osie.actions.trust.blocks import verified_blocks
from osie.actions.unpack.decompress import PIECE_BYTES, blocks, decompressed
from osie.contracts.image_manifest import ImageManifest, zero_hash

VERIFIED_AHEAD = 1  # blocks of 4 MiB
_LEAST_GAP = 2  # blocks of zeroes: for fewer, another request isn't worth while


class Run(NamedTuple):
    """Blocks in a row, [first, stop), either all of zeroes or to be fetched."""

    first: int
    stop: int
    zero: bool


def runs(manifest: ImageManifest, first: int, *, zeroes_apart: bool) -> Iterator[Run]:
    """The image from block `first` on; `zeroes_apart`: but for short ones, runs of zeroes on their own."""
    begun = position = first
    while position < manifest.block_count:
        gap = position
        while zeroes_apart and gap < manifest.block_count and is_zero(manifest, gap):
            gap += 1
        if gap - position >= _LEAST_GAP:
            if position > begun:
                yield Run(begun, position, zero=False)
            yield Run(position, gap, zero=True)
            begun = gap
        position = max(gap, position + 1)
    if position > begun:
        yield Run(begun, position, zero=False)


def is_zero(manifest: ImageManifest, block: int) -> bool:
    """Whether the block is all zeroes."""
    return manifest.hash_of(block) == zero_hash(manifest.length_of(block))


def block_zero(flow: Flow, manifest: ImageManifest, kind: str) -> bytes:
    """The image's first block alone, with no more fetched for it than it takes."""
    chunks = flow.chunks(0, manifest.stored_end(manifest.length_of(0)))
    pieces = decompressed(chunks, kind)
    whole = verified_blocks(pieces, manifest)
    with closing(whole, pieces, chunks):
        return next(whole)


def fetched_blocks(flow: Flow, manifest: ImageManifest, kind: str, first: int, stop: int) -> Iterator[bytes]:
    """The blocks [first, stop), fetched from as near before them as can be begun; made ahead by threads."""
    start = first * manifest.block_size
    stored, raw = manifest.point_before(start)
    end = min(stop * manifest.block_size, manifest.raw_size) if kind == "raw" else None
    chunks = read_ahead(flow.chunks(stored, end), depth=FETCHED_AHEAD, name="fetch")
    pieces = blocks(decompressed(chunks, kind, threads=threads(), bear=bears(flow, kind)), PIECE_BYTES)
    ahead = read_ahead(
        zeroes.told(_without(pieces, start - raw)), depth=DECOMPRESSED_AHEAD, name="decompress"
    )
    whole = verified_blocks(ahead, manifest, first, stop)
    return read_ahead(whole, depth=VERIFIED_AHEAD, name="verify")


def _without(pieces: Iterator[bytes], skipped: int) -> Iterator[bytes]:
    """The bytes after the first `skipped`."""
    for piece in pieces:
        if skipped >= len(piece):
            skipped -= len(piece)
            continue
        yield piece[skipped:] if skipped else piece
        skipped = 0
