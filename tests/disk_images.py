"""Images that are known to be a disk's: any bytes, behind a partition table."""

import os

_ENTRY = bytes.fromhex("80 000000 83 000000 01000000 ffff0000")  # active, Linux, from sector 1 on


def partitioned(raw: bytes) -> bytes:
    """The same bytes, but that the first sector ends as an MBR does; at least 512 of them."""
    return raw[:446] + _ENTRY + bytes(3 * 16) + b"\x55\xaa" + raw[512:]


def noise(size: int) -> bytes:
    """A disk's image of so many bytes, the same one never again."""
    return partitioned(os.urandom(size))
