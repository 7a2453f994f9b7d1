"""What is on the disk before, and what is put on it."""

import random

MIB = 1 << 20
SIZE = 48 * MIB
_HOLES = ((6, 9), (14, 22), (30, 31), (40, 44))  # MiB


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
    return b"".join(parts)
