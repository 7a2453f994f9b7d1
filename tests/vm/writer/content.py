"""What is on the disk before, and what is put on it."""

import random
import tempfile
from pathlib import Path

import zstandard
from disk_images import partitioned

from osie.actions.trust import making

MIB = 1 << 20
SIZE = 32 * MIB
_HOLES = ((6, 9), (14, 20), (23, 24))  # MiB


def old_disk(size: int = SIZE) -> bytes:
    """A disk in use: no sector of it is zeroes."""
    return random.Random("old").randbytes(size)


def image(size: int = SIZE) -> bytes:
    """A disk's image: data that half compress, with holes between; both ends full."""
    chance = random.Random("image")
    parts = []
    for mib in range(size // MIB):
        hole = any(first <= mib < last for first, last in _HOLES)
        parts.append(bytes(MIB) if hole else chance.randbytes(MIB // 2) + b"osie" * (MIB // 8))
    return partitioned(b"".join(parts))


def frames(raw: bytes, size: int = 4 * MIB) -> bytes:
    """The image as zstd frames of so much each: places to go on from."""
    compressor = zstandard.ZstdCompressor(level=1)
    return b"".join(compressor.compress(raw[at : at + size]) for at in range(0, len(raw), size))


def manifest(stored: bytes) -> bytes:
    """The manifest of an image as it's stored."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(stored)
        file.flush()
        return making.make(Path(file.name), lambda _done, _total: None).encode()
