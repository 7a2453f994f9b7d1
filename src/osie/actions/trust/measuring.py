"""What a manifest says of a raw image, found out while the image passes by in blocks."""

import hashlib
import heapq

from osie.actions import zeroes
from osie.actions.content.partition_tables import gpt_sectors, has_boot_signature
from osie.contracts.image_manifest import (
    GRAIN_BYTES,
    MOST_PAIRS,
    SECTOR_SIZES,
    ImageManifest,
    Pairs,
    Stored,
    zero_hash,
)

_LEAST_HOLE = 1 << 20
_STRIDE = 512 << 10  # a run of _LEAST_HOLE zeroes holds one of these, at a multiple of its size
_LEAST_SPACING = 4 << 20


class HoleFinder:
    """Finds runs of zeroes without looking at each byte: whole strides first, then what is around them."""

    def __init__(self, *, most: int = MOST_PAIRS) -> None:
        self._most = most
        self._at = 0
        self._start: int | None = None  # of a run that may go on
        self._found: list[tuple[int, int]] = []

    def add(self, block: bytes) -> None:
        """See the next block; all but the last are whole strides."""
        if zeroes.are(block):
            self._zeroes(len(block))
            return
        for begin in range(0, len(block), _STRIDE):
            stride = block[begin : begin + _STRIDE]
            if zeroes.are(stride):
                self._zeroes(len(stride))
            else:
                self._data(stride)

    def _zeroes(self, length: int) -> None:
        if self._start is None:
            self._start = self._at
        self._at += length

    def _data(self, stride: bytes) -> None:
        self._close(self._at + (len(stride) - len(stride.lstrip(b"\0"))) // GRAIN_BYTES * GRAIN_BYTES)
        after = -(-(self._at + len(stride.rstrip(b"\0"))) // GRAIN_BYTES) * GRAIN_BYTES
        self._at += len(stride)
        self._start = after if after < self._at else None

    def _close(self, end: int) -> None:
        if self._start is not None and end - self._start >= _LEAST_HOLE:
            self._found.append((self._start, end - self._start))
        self._start = None

    def holes(self) -> Pairs:
        """The runs, after the last block; the longest ones where there are too many."""
        self._close(self._at)
        return tuple(sorted(heapq.nlargest(self._most, self._found, key=lambda hole: hole[1])))


class PointKeeper:
    """Keeps points in the stored file that are far enough from each other for a manifest to hold them."""

    def __init__(self) -> None:
        self._spacing = _LEAST_SPACING  # of the raw image
        self._kept: list[tuple[int, int]] = []

    def add(self, stored: int, raw: int) -> None:
        """Note that a frame or member begins there."""
        if stored == 0 or raw - (self._kept[-1][1] if self._kept else 0) < self._spacing:
            return
        self._kept.append((stored, raw))
        if len(self._kept) > MOST_PAIRS:
            self._spacing *= 2
            kept, self._kept = self._kept, []
            for point in kept:
                self.add(*point)

    def points(self, raw_size: int) -> Pairs:
        """Those that have anything after them."""
        return tuple(point for point in self._kept if point[1] < raw_size)


class Measuring:
    """Hashes an image that passes by in blocks, and finds its holes and its sector size."""

    def __init__(self) -> None:
        self.size = 0
        self.sector_size: int | None = None
        self._hashes: list[bytes] = []
        self._holes = HoleFinder()

    def add(self, block: bytes) -> None:
        """See the next block: BLOCK_BYTES, but for the last."""
        if not self.size:
            self.sector_size = guessed_sector_size(block)
        self.size += len(block)
        zero = zeroes.are(block)
        self._hashes.append(zero_hash(len(block)) if zero else hashlib.sha256(block).digest())
        self._holes.add(block)

    def manifest(self, stored: Stored | None, sector_size: int | None = None) -> ImageManifest:
        """The manifest of what passed by. Raises ManifestError."""
        return ImageManifest.of(
            raw_size=self.size,
            hashes=b"".join(self._hashes),
            sector_size=sector_size or self.sector_size,
            holes=self._holes.holes(),
            stored=stored,
        )


def guessed_sector_size(first: bytes) -> int | None:
    """By the partition table in the image's first bytes; None where there is none, or one for each size.

    What has but the signature of an MBR or a boot sector counts in 512.
    """
    found = gpt_sectors(first)
    if len(found) == 1:
        return found.pop()
    return SECTOR_SIZES[0] if not found and has_boot_signature(first) else None
