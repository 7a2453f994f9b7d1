"""The first half of the way: from a source to decompressed bytes, whatever they are for."""

import itertools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from osie.actions import zeroes
from osie.actions.fetch import document
from osie.actions.fetch.source import CHUNK_BYTES, Source
from osie.actions.pipeline.options import FetchOptions
from osie.actions.program import warn
from osie.actions.read_ahead import read_ahead
from osie.actions.trust.establishing import establish
from osie.actions.trust.settings import TrustSettings
from osie.actions.trust.trust import Trust
from osie.actions.unpack.decompress import (
    PIECE_BYTES,
    ImageError,
    blocks,
    decompressed,
    kind_of,
    size_told,
)

# Pieces of 1 MiB between two stages: all the memory that a slow stage can make the one before it hold.
FETCHED_AHEAD, DECOMPRESSED_AHEAD = 3, 2
_MOST_THREADS = 4  # each may hold a few MiB


def threads() -> int:
    """How many may work on one stage: the processors that we may use, within bounds."""
    return min(len(os.sched_getaffinity(0)), _MOST_THREADS)


def established(settings: TrustSettings, options: FetchOptions, *, told: bool = False) -> Trust:
    """What stands for the image, fetched and verified. Warns where there is reason to, unless `told`."""
    trust = establish(settings, lambda url, most: document.get(url, most, options.patience))
    if trust.doubt and not told:
        warn(trust.doubt)
    return trust


class Flow:
    """The bytes of a source on their way, counted, and shown to the trust where they come from the start."""

    def __init__(self, source: Source, trust: Trust) -> None:
        self.source = source
        self.trust = trust
        self.position = 0  # in the stored bytes: where the fetching is
        self.fetched = 0  # bytes in all

    def chunks(self, start: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """The stored bytes. From another place than the start they can't be digested as a whole."""
        self.position = start
        for chunk in self.source.chunks(start, end):
            if self.trust.needs_fetched:
                self.trust.fetched(chunk)
            self.position += len(chunk)
            self.fetched += len(chunk)
            yield chunk


class Begun(NamedTuple):
    """An image whose first bytes have arrived."""

    flow: Flow
    kind: str
    size: int | None  # decompressed, where that is known (zstd: at least)
    chunks: Iterator[bytes]  # from the first byte on


def begin(flow: Flow, compressed: bool | None) -> Begun:
    """Have the first bytes fetched and see what they are. `compressed` is what somebody announced."""
    # in whole blocks, so that the first one surely holds enough to tell the format by
    ahead = read_ahead(blocks(flow.chunks(), CHUNK_BYTES), depth=FETCHED_AHEAD, name="fetch")
    first = next(ahead, b"")
    kind = kind_of(first)
    if compressed is not None and compressed != (kind != "raw"):
        warn(f"COMPRESSED={str(compressed).lower()}, but the image is {kind}: taken as {kind}")
    if kind == "raw" and not flow.source.ends_clearly and not flow.trust.verified:
        raise ImageError(
            "nothing could tell this raw image from a part of it: the server names no length",
            hint="set CHECKSUM, or compress the image",
        )
    size = size_told(first, kind, flow.source.total)
    return Begun(flow, kind, size, itertools.chain([first], ahead))


def bears(flow: Flow, kind: str) -> Callable[[int], None] | None:
    """What tells of bytes behind the end of the compressed data; None where they are an error.

    They are borne where something stands for the whole, stored or decompressed: who made that saw them.
    """

    def told(count: int) -> None:
        warn(f"{count} bytes follow the end of the {kind} data: they aren't part of the image")

    return told if flow.trust.verified else None


def unpacked(begun: Begun) -> Iterator[bytes]:
    """All of the image, decompressed, in equal pieces but for the last; made ahead by a thread."""
    bear = bears(begun.flow, begun.kind)
    pieces = decompressed(begun.chunks, begun.kind, threads=threads(), bear=bear)
    whole = blocks(pieces, PIECE_BYTES)
    return read_ahead(zeroes.told(whole), depth=DECOMPRESSED_AHEAD, name="decompress")


@contextmanager
def closing(*iterators: Iterator[bytes]) -> Iterator[None]:
    """End the iterators, those that can be ended, after the block."""
    try:
        yield
    finally:
        for iterator in iterators:
            if isinstance(iterator, Generator):
                iterator.close()
