"""One image, stored in every format that can be installed; always the same bytes."""

import bz2
import gzip
import io
import itertools
import lzma
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import lz4.frame
import zstandard
from disk_images import partitioned

MIB = 1 << 20
SECTOR = 4096  # of the largest kind, so that every length that is a multiple of it looks like a disk's


@dataclass(frozen=True)
class Stored:
    """The image as a server has it."""

    name: str
    data: bytes = field(repr=False)
    raw: bytes = field(repr=False)  # what belongs on the disk
    points: tuple[tuple[int, int], ...]  # (stored offset, raw offset) where a member or frame begins
    holes: tuple[tuple[int, int], ...] = ()  # (start, length)

    @property
    def between(self) -> int:
        """Where the last of several members or frames begins."""
        return self.points[-1][0]

    def at(self, percent: int) -> int:
        """The place so far into it; of a raw image the beginning of a sector: the hardest one to notice."""
        place = len(self.data) * percent // 100
        return place // SECTOR * SECTOR if self.name == "raw" else place


def image() -> bytes:
    """8.5 MiB: a partition table, noise at both ends, where disks boot from, and two holes."""
    noise = random.Random(4).randbytes(3 * MIB)
    first, second = 5 * MIB // 4, 9 * MIB // 4
    raw = noise[:first] + bytes(9 * MIB // 2) + noise[first:second] + bytes(MIB) + noise[second:]
    return partitioned(raw)


HOLES = ((5 * MIB // 4, 9 * MIB // 2), (27 * MIB // 4, MIB))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(data)


def _zstd_unchecked(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_checksum=False).compress(data)


def _lz4(data: bytes) -> bytes:
    with io.BytesIO() as out:  # as the `lz4` command does: with a checksum, without a size
        with lz4.frame.open(out, "wb", content_checksum=True, block_linked=False) as file:
            file.write(data)
        return out.getvalue()


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def _bzip2(data: bytes) -> bytes:
    return bz2.compress(data, 1)


_PACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": _gzip,
    "gzip, members": _gzip,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": _zstd,
    "zstd, frames": _zstd,
    "zstd, unchecked": _zstd_unchecked,
    "lz4": _lz4,
}
NAMES = tuple(_PACK)
PARTS = ("gzip, members", "zstd, frames")


def stored_as(name: str, raw: bytes, holes: tuple[tuple[int, int], ...] = ()) -> Stored:
    """The image in this format; with `, members` and `, frames` each MiB stands for itself."""
    step = MIB if name in PARTS else len(raw)
    parts = [_PACK[name](raw[at : at + step]) for at in range(0, len(raw), step)]
    ends = itertools.accumulate(len(part) for part in parts[:-1])
    points = tuple((end, number * step) for number, end in enumerate(ends, start=1))
    return Stored(name, b"".join(parts), raw, points, holes)
