"""VHDX' region table and metadata (Microsoft, [MS-VHDX], 2.2.3 and 2.6)."""

import uuid
from collections.abc import Iterator
from typing import Any

from osie.actions.qemuimg2disk.header import At, fields, not_alone, table
from osie.actions.unpack.decompress import ImageError

_TABLES = (192 << 10, 256 << 10)  # where the region table and its copy are
_TABLE_BYTES = 64 << 10  # of either table
_REGIONS, _ITEMS, _ENTRY_BYTES = 16, 32, 32  # where the entries begin in either, and how long one is
_METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_BLOCKS = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08").bytes_le  # the block allocation table
_FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
_DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_HAS_PARENT = 1 << 1
_SECTOR_SIZE = uuid.UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f").bytes_le  # the logical one
_CHUNK_SECTORS = 1 << 23  # of the disk: what a chunk's blocks hold, which a bitmap follows in the table
_UNIT = 1 << 20  # bytes: blocks begin at whole ones
_MOST_TABLE_BYTES = 64 << 20  # of the block allocation table: 64 TiB, the largest disk, in blocks of 8 MiB
_STATE, _PRESENT = 0b111, 6


def size(at: At) -> int:
    """The disk's bytes. Raises ImageError where the image can't be read, or not on its own."""
    items = _items(at)
    _block_bytes, flags = fields(at, "<II", items[_FILE_PARAMETERS])
    if flags & _HAS_PARENT:
        raise not_alone("a parent")
    (found,) = fields(at, "<Q", items[_DISK_SIZE])
    return int(found)


def ends(at: At, _length: int) -> Iterator[int]:
    """Yield where the blocks end that the table names. Raises ImageError where that is cut off."""
    items = _items(at)
    block, _flags = fields(at, "<II", items[_FILE_PARAMETERS])
    (sector,) = fields(at, "<I", items[_SECTOR_SIZE]) if _SECTOR_SIZE in items else (512,)
    disk_left = size(at)
    start, length = _region(at, _BLOCKS)
    if not block:
        return  # QEMU says what is wrong with it
    in_chunk = _CHUNK_SECTORS * sector // block
    number = 0
    for entries in table(at, "<Q", start, min(length, _MOST_TABLE_BYTES) // 8):
        last = 0
        for entry in entries:
            number += 1
            if number % (in_chunk + 1) == 0:
                continue  # the chunk's bitmap, which only an image with a parent has
            if entry & _STATE == _PRESENT:
                last = max(last, entry // _UNIT * _UNIT + min(block, max(disk_left, 0)))
            disk_left -= block
        yield last


def _items(at: At) -> dict[bytes, int]:
    """Where the metadata's items are. Raises ImageError where one lacks that all have."""
    start, _bytes = _region(at, _METADATA)
    metadata = at(start, _TABLE_BYTES)
    signature, _reserved, count = fields(_of(metadata), "<8sHH", 0)
    if signature != b"metadata":
        raise _damaged("there are no metadata where they should be")
    items = {name: start + place for name, place in _entries(metadata, _ITEMS, count, "<16sI")}
    if _DISK_SIZE not in items or _FILE_PARAMETERS not in items:
        raise _damaged("its metadata don't tell its size")
    return items


def _region(at: At, name: bytes) -> tuple[int, int]:
    """Where a region begins and its bytes, by the first region table that is there."""
    for place in _TABLES:
        found = at(place, _TABLE_BYTES)
        signature, _checksum, count = fields(_of(found), "<4sII", 0)
        if signature == b"regi":
            regions = {key: rest for key, *rest in _entries(found, _REGIONS, count, "<16sQI")}
            if name in regions:
                start, length = regions[name]
                return start, length
    raise _damaged(f"no region table names its {'metadata' if name == _METADATA else 'blocks'}")


def _entries(found: bytes, start: int, count: int, layout: str) -> Iterator[tuple[Any, ...]]:
    """What a table's entries begin with: a name, and where that is."""
    for place in range(start, min(start + count * _ENTRY_BYTES, _TABLE_BYTES), _ENTRY_BYTES):
        yield fields(_of(found), layout, place)


def _of(data: bytes) -> At:
    return lambda start, length: data[start : start + length]


def _damaged(why: str) -> ImageError:
    return ImageError(f"the image is a damaged VHDX: {why}")
