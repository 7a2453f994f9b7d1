"""VirtualBox' VDI (include/VBox/vd.h and Storage/VDICore.h there; qemu, block/vdi.c)."""

from collections.abc import Iterator

from osie.actions.qemuimg2disk.header import At, fields, not_alone, table
from osie.actions.unpack.decompress import ImageError

_VERSION, _TYPE, _PLACES, _SIZE, _BLOCK = 68, 76, 340, 368, 376  # where they are
_FIRST_UNUSED = 0xFFFF_FFFE  # in the map: this one reads as zeroes, the one above it isn't there
_READ_VERSION = 0x0001_0001
_DYNAMIC, _STATIC = 1, 2


def size(at: At) -> int:
    """The disk's bytes. Raises ImageError where the image can't be read, or not on its own."""
    (version,) = fields(at, "<I", _VERSION)
    if version != _READ_VERSION:
        raise ImageError(f"the image is VDI of version {version >> 16}.{version & 0xFFFF}; 1.1 can be read")
    (kind,) = fields(at, "<I", _TYPE)
    if kind not in (_DYNAMIC, _STATIC):
        raise not_alone("a parent")
    (found,) = fields(at, "<Q", _SIZE)
    return int(found)


def ends(at: At, _length: int) -> Iterator[int]:
    """Yield where the blocks end that the map names. Raises ImageError where that is cut off."""
    map_at, data_at = fields(at, "<II", _PLACES)
    block, _extra, count = fields(at, "<III", _BLOCK)
    disk = size(at)
    if not block:
        return  # QEMU says what is wrong with it
    disk_left = disk
    for entries in table(at, "<I", map_at, min(count, -(-disk // block))):
        last = 0
        for entry in entries:
            if entry < _FIRST_UNUSED:
                last = max(last, data_at + entry * block + min(block, disk_left))
            disk_left -= block
        yield last
