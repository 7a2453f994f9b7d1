"""The images that `make bench-write` writes: files of this host, dense or far apart, in every format."""

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import zstandard

from osie.core.process import run

MIB = 1 << 20
_BGZIP_PART = 65280  # so that a member fits into 64 KiB whatever is in it
_MBR_AT = 446  # what image2disk takes has a partition table: one entry is enough
_MBR = bytes.fromhex("80 000000 83 000000 01000000 ffff0000") + bytes(3 * 16) + b"\x55\xaa"
_PART = 4 * MIB  # of a multi-member or multi-frame image: what pigz and pzstd make is alike


@dataclass(frozen=True)
class Format:
    """How an image is stored."""

    name: str
    suffix: str
    decompressor: tuple[str, ...]  # the expert's; () for none


FORMATS = (
    Format("raw", "", ()),
    Format("gzip", ".gz", ("gzip", "-dc")),
    Format("gzip, members", ".members.gz", ("gzip", "-dc")),
    Format("gzip, bgzip", ".bgz.gz", ("gzip", "-dc")),
    Format("bzip2", ".bz2", ("bzip2", "-dc")),
    Format("xz", ".xz", ("xz", "-dc", "-T0")),
    Format("zstd", ".zst", ("zstd", "-dcq", "--no-progress")),
    Format("zstd, frames", ".frames.zst", ("zstd", "-dcq", "--no-progress")),
    Format("lz4", ".lz4", ("lz4", "-dcq")),
)


@dataclass(frozen=True)
class Image:
    """A raw image, and the same in other formats beside it: its name and the format's suffix."""

    name: str
    path: Path
    size: int

    def stored(self, form: Format) -> Path:
        """The image in that format."""
        return self.path.with_name(self.path.name + form.suffix)


def _contents() -> Iterator[bytes]:
    """What the host's programs and libraries consist of: compresses as an operating system does."""
    for folder, folders, names in os.walk("/usr/lib"):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()


def _fill(target: Path, size: int, place: Callable[[int], int], data_bytes: int) -> None:
    """Write `data_bytes` of contents; the byte number n of them goes to place(n). It begins with an MBR."""
    done = 0
    with target.open("wb") as file:
        file.truncate(size)
        for content in _contents():
            view = memoryview(content)[: data_bytes - done]
            while view:
                count = min(len(view), MIB - done % MIB)
                file.seek(place(done))
                file.write(view[:count])
                view, done = view[count:], done + count
            if done == data_bytes:
                file.seek(_MBR_AT)
                file.write(_MBR)
                return


def dense(folder: Path, size: int) -> Image:
    """An image that is full of data."""
    path = folder / "dense.raw"
    _fill(path, size, lambda at: at, size)
    return Image("dense", path, size)


def sparse(folder: Path, size: int) -> Image:
    """An image with 6 MiB of data in every 128."""
    path = folder / "sparse.raw"
    every, data = 128 * MIB, 6 * MIB
    _fill(path, size, lambda at: at // data * every + at % data, size // every * data)
    return Image("sparse", path, size)


def store(image: Image) -> None:
    """Make all formats, two at a time: the machine has two processors."""

    def shell(command: str, suffix: str) -> Callable[[], object]:
        return lambda: run(["sh", "-c", f"{command} <{image.path} >{image.path}{suffix}"])

    def parts(suffix: str, compress: Callable[[bytes], bytes]) -> Callable[[], object]:
        return lambda: _in_parts(image, Path(f"{image.path}{suffix}"), compress)

    work = [
        shell("bzip2 -c", ".bz2"),
        shell("xz -2 -T1 --block-size=16MiB -c", ".xz"),
        shell("gzip -c", ".gz"),
        parts(".members.gz", lambda piece: gzip.compress(piece, 6)),
        parts(".bgz.gz", _bgzip),
        parts(".frames.zst", _zstd),
        shell("zstd -q -3 -c", ".zst"),
        shell("lz4 -q -c", ".lz4"),
    ]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(one) for one in work]:
            done.result()


def _zstd(piece: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(piece)


def _bgzip(piece: bytes) -> bytes:
    """The piece as bgzip(1) stores it: small members that say how long they are (SAM format, 4.1)."""
    members = []
    for start in range(0, len(piece), _BGZIP_PART):
        part = piece[start : start + _BGZIP_PART]
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflate.compress(part) + deflate.flush()
        header = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff"
        extra = struct.pack("<H2sHH", 6, b"BC", 2, len(body) + 25)  # the member's length, less one
        members.append(header + extra + body + struct.pack("<II", zlib.crc32(part), len(part)))
    return b"".join(members)


def _in_parts(image: Image, target: Path, compress: Callable[[bytes], bytes]) -> None:
    with image.path.open("rb") as source, target.open("wb") as file:
        while piece := source.read(_PART):
            file.write(compress(piece))
