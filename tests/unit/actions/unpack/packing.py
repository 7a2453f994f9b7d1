"""Every way to store an image that we know, in small."""

import bz2
import gzip
import itertools
import lzma
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import lz4.frame
import zstandard


def blocked_gzip(data: bytes) -> bytes:
    """As bgzip writes it: members of at most 64 KiB that tell their length, an empty one at the end."""
    members = []
    for start in range(0, len(data) + 1, 65280):
        raw = data[start : start + 65280]
        deflate = zlib.compressobj(1, wbits=-15)
        body = deflate.compress(raw) + deflate.flush()
        size = (len(body) + 25).to_bytes(2, "little")
        end = zlib.crc32(raw).to_bytes(4, "little") + len(raw).to_bytes(4, "little")
        members.append(b"\x1f\x8b\x08\4\0\0\0\0\0\xff\6\0BC\2\0" + size + body + end)
    return b"".join(members)


def xz_blocks(data: bytes) -> bytes:
    """By the program, in blocks that tell their sizes."""
    command = ["xz", "-c", "-0", "-T2", "--block-size=65536"]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


@dataclass(frozen=True)
class Packing:
    """A way to store."""

    name: str
    kind: str
    pack: Callable[[bytes], bytes]


PACKINGS = (
    Packing("gzip", "gzip", lambda data: gzip.compress(data, 1)),
    Packing("blocked gzip", "gzip", blocked_gzip),
    Packing("xz", "xz", lambda data: lzma.compress(data, preset=0)),
    Packing("xz in blocks", "xz", xz_blocks),
    Packing("bzip2", "bzip2", lambda data: bz2.compress(data, 1)),
    Packing("zstd", "zstd", zstandard.ZstdCompressor(level=1, write_checksum=True).compress),
    Packing(
        "zstd of unknown size",
        "zstd",
        zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=False).compress,
    ),
    Packing("lz4", "lz4", lambda data: lz4.frame.compress(data, content_checksum=True)),
    Packing(
        "lz4 in small blocks",
        "lz4",
        lambda data: lz4.frame.compress(
            data,
            content_checksum=True,
            block_checksum=True,
            block_size=lz4.frame.BLOCKSIZE_MAX64KB,
            store_size=False,
        ),
    ),
)


def in_pieces(data: bytes, at: list[int]) -> Iterator[bytes]:
    """The data, cut at the places."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return (data[start:end] for start, end in itertools.pairwise(places))
