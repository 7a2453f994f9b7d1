"""VMDK's header and descriptor (VMware, Virtual Disk Format 5.0: "Hosted Sparse Extent Header")."""

import re
from array import array
from collections.abc import Iterator

from osie.actions.content.virtual_disks import VMDK
from osie.actions.qemuimg2disk.header import At, fields, not_alone, table
from osie.actions.unpack.decompress import ImageError

_CAPACITY, _DESCRIPTOR = 12, 28  # where they are; both count sectors
_SECTOR = 512
_ENTRIES, _DIRECTORY = 44, 56  # in the header, and in the footer
_AT_END = (1 << 64) - 1  # in the directory's place: the footer tells it
_FOOTER_BEFORE_END = 1024  # and a marker of the end behind it
_COMPRESSED = 1 << 16  # a flag
_MARKER_BYTES = 12  # in front of a compressed grain
_MOST_ENTRIES = 512  # of a grain table, that QEMU reads
_MOST_TABLES = 8 << 20  # of 32 MiB of the disk, as all make them, that is 256 TiB
_NEWEST = 3  # that QEMU reads
_MOST_DESCRIPTOR = 64 << 10
_EXTENT = re.compile(rb"^[ \t]*(?:RW|RDONLY|NOACCESS)[ \t]+\d+", re.MULTILINE)
_NO_PARENT = re.compile(rb"^[ \t]*parentCID[ \t]*=[ \t]*f{8}[ \t\r]*$", re.MULTILINE | re.IGNORECASE)


def size(at: At) -> int:
    """The disk's bytes. Raises ImageError where the image can't be read, or not on its own."""
    if at(0, 4) != VMDK:
        raise not_alone("extents in files of their own")
    version, _flags, capacity = fields(at, "<IIQ", 4)
    if version > _NEWEST:
        raise ImageError(f"the image is VMDK of version {version}; 1 to {_NEWEST} can be read")
    start, length = fields(at, "<QQ", _DESCRIPTOR)
    descriptor = at(start * _SECTOR, min(length * _SECTOR, _MOST_DESCRIPTOR)).partition(b"\0")[0]
    if not capacity or len(_EXTENT.findall(descriptor)) != 1:
        raise not_alone("extents in files of their own")
    if not _NO_PARENT.search(descriptor) or b"parentFileNameHint" in descriptor:
        raise not_alone("a parent")
    return int(capacity) * _SECTOR


def ends(at: At, length: int) -> Iterator[int]:
    """Yield where the grains end that the directory and the tables name.

    Of a compressed one only its begin is seen: QEMU doesn't take one that is cut off. Raises ImageError where
    a table or the footer isn't there.
    """
    begin = 0
    if fields(at, "<Q", _DIRECTORY) == (_AT_END,):
        begin = length - _FOOTER_BEFORE_END
        if begin < 0 or at(begin, 4) != VMDK:
            raise ImageError("the image is truncated: its footer isn't there")
    _version, flags, capacity, grain = fields(at, "<IIQQ", begin + 4)
    entries, _copy, directory = fields(at, "<IQQ", begin + _ENTRIES)
    if not grain or not 0 < entries <= _MOST_ENTRIES:
        return  # QEMU says what is wrong with it
    of_one_table = entries * grain
    count = -(-capacity // of_one_table)
    if count > _MOST_TABLES:
        raise ImageError(f"the image is VMDK with {count} grain tables; {_MOST_TABLES} can be read")
    pieces = table(at, "<I", directory * _SECTOR, count)
    tables = array("I", (place for piece in pieces for place in piece))
    yield max(tables, default=0) * _SECTOR
    for place, first in zip(tables, range(0, capacity, of_one_table), strict=True):
        if place:
            count = -(-min(capacity - first, of_one_table) // grain)
            (grains,) = table(at, "<I", place * _SECTOR, count)
            yield _last(grains, grain, capacity - first, compressed=bool(flags & _COMPRESSED))


def _last(grains: tuple[int, ...], grain: int, disk_left: int, *, compressed: bool) -> int:
    """Where the last of the grains ends. 0 and 1 in a table: none, and one of zeroes."""
    last = 0
    for number, place in enumerate(grains):
        if place > 1:
            begin, used = place * _SECTOR, min(grain, disk_left - number * grain) * _SECTOR
            last = max(last, begin + (_MARKER_BYTES if compressed else used))
    return last
