"""A VHD's footer, of which a dynamic one has a copy in front (Microsoft, Virtual Hard Disk Image Format)."""

import math
from collections.abc import Iterator

from osie.actions.qemuimg2disk.header import At, fields, not_alone, table
from osie.actions.unpack.decompress import ImageError

_CREATOR, _SIZE, _GEOMETRY, _TYPE = 28, 48, 56, 60  # where they are
_HEADER, _TABLE, _COUNT = 16, 16, 28  # in the footer: where the dynamic disk's header is; in that: the others
_UNUSED = 0xFFFF_FFFF
_DYNAMIC, _DIFFERENCING = 3, 4
_SECTOR = 512
# Virtual PC and QEMU's default mean the geometry, unless it's the largest that there is; others name the size
_BY_GEOMETRY = (b"vpc ", b"qemu")
_LARGEST_GEOMETRY = (65535, 16, 255)


def size(at: At) -> int:
    """The disk's bytes, at most: QEMU goes by the size that is named, or by the geometry (block/vpc.c).

    Raises ImageError where the image can't be read, or not on its own.
    """
    (kind,) = fields(at, ">I", _TYPE)
    if kind == _DIFFERENCING:
        raise not_alone("a parent")
    if kind != _DYNAMIC:
        raise ImageError(f"the image is a VHD of type {kind}; dynamic ones begin so")
    (creator,) = fields(at, "4s", _CREATOR)
    (named,) = fields(at, ">Q", _SIZE)
    geometry: tuple[int, int, int] = fields(at, ">HBB", _GEOMETRY)
    if creator in _BY_GEOMETRY and geometry != _LARGEST_GEOMETRY:
        return max(int(named), math.prod(geometry) * _SECTOR)
    return int(named)


def ends(at: At, _length: int) -> Iterator[int]:
    """Yield where the blocks end that the table names. Raises ImageError where that is cut off.

    QEMU looks for the same (block/vpc.c, free_data_block_offset).
    """
    (header,) = fields(at, ">Q", _HEADER)
    (table_at,) = fields(at, ">Q", header + _TABLE)
    count, block = fields(at, ">II", header + _COUNT)
    bitmap = -(-block // (_SECTOR * 8 * _SECTOR)) * _SECTOR  # in front of each block, a bit a sector
    for entries in table(at, ">I", table_at, count):
        last = max((entry for entry in entries if entry != _UNUSED), default=None)
        if last is not None:
            yield last * _SECTOR + bitmap + block
