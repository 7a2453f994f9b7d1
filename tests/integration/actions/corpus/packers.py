"""What compresses an image: each program's own output, and the way back is the image."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import zstandard

FRAME_BYTES = 128 << 10
SEVEN_ZIP = "7zz" if shutil.which("7zz") else "7z"  # Debian 12 has it as 7zz only, 13 as 7z only


@dataclass(frozen=True)
class Packer:
    """A program and how it is called."""

    name: str
    pack: Callable[[bytes], bytes]


def _by(*words: str) -> Packer:
    """A program that reads its standard input and writes its standard output."""

    def pack(data: bytes) -> bytes:
        return subprocess.run(words, input=data, capture_output=True, check=True).stdout

    return Packer(" ".join(words), pack)


def _seekable(data: bytes) -> bytes:
    """Frames, and a table of them in a skippable frame (zstd, contrib/seekable_format, 0.1.1)."""
    compressor = zstandard.ZstdCompressor(level=1)
    parts = [data[at : at + FRAME_BYTES] for at in range(0, len(data), FRAME_BYTES)]
    frames = [compressor.compress(part) for part in parts]
    entries = b"".join(
        len(frame).to_bytes(4, "little") + len(part).to_bytes(4, "little")
        for frame, part in zip(frames, parts, strict=True)
    )
    footer = len(frames).to_bytes(4, "little") + b"\0" + (0x8F92EAB1).to_bytes(4, "little")
    table = entries + footer
    skippable = (0x184D2A5E).to_bytes(4, "little") + len(table).to_bytes(4, "little") + table
    return b"".join(frames) + skippable


PACKERS = (
    _by("gzip", "-c"),
    _by("gzip", "-c", "--rsyncable"),
    _by("busybox", "gzip", "-c"),
    _by("pigz", "-c", "-b", "128", "-p", "2"),
    _by("pigz", "-c", "-b", "128", "-p", "2", "--independent"),
    _by(SEVEN_ZIP, "a", "-bd", "-tgzip", "-si", "-so", "x"),
    _by("bzip2", "-c"),
    _by("pbzip2", "-c", "-b1", "-p2"),
    _by("lbzip2", "-c", "-n2"),
    _by(SEVEN_ZIP, "a", "-bd", "-tbzip2", "-si", "-so", "x"),
    _by("xz", "-c", "-0", "-T2", "--block-size=131072"),
    _by("xz", "-c", "-9e"),
    _by("xz", "-c", "-0", "--check=none"),
    _by("pixz", "-0", "-p", "2", "-f", "0.1"),
    _by("pixz", "-0", "-t"),
    _by(SEVEN_ZIP, "a", "-bd", "-txz", "-si", "-so", "x"),
    _by("zstd", "-c", "-1"),
    _by("zstd", "-c", "--ultra", "-22"),
    _by("zstd", "-c", "-3", "--long=28"),
    _by("zstd", "-c", "-3", "-T2", "--rsyncable", "--no-check"),
    _by("pzstd", "-c", "-q", "-p", "2"),
    Packer("seekable zstd", _seekable),
    _by("lz4", "-c", "-9", "-BX"),
    _by("lz4", "-c", "-B4", "-BD"),
)
