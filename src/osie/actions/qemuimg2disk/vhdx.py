"""VHDX' region table and metadata (Microsoft, [MS-VHDX], 2.2.3 and 2.6)."""

import uuid
from collections.abc import Iterator

from osie.actions.qemuimg2disk.header import At, fields, not_alone
from osie.actions.unpack.decompress import ImageError

MAGIC = b"vhdxfile"
_TABLES = (192 << 10, 256 << 10)  # where the region table and its copy are
_TABLE_BYTES = 64 << 10  # of either table
_REGIONS, _ITEMS, _ENTRY_BYTES = 16, 32, 32  # where the entries begin in either, and how long one is
_METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
_DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_HAS_PARENT = 1 << 1


def size(at: At) -> int:
    """The disk's bytes. Raises ImageError where the image can't be read, or not on its own."""
    start = _metadata(at)
    table = at(start, _TABLE_BYTES)
    signature, _reserved, count = fields(_of(table), "<8sHH", 0)
    if signature != b"metadata":
        raise _damaged("there are no metadata where they should be")
    items = dict(_entries(table, _ITEMS, count, "<16sI"))
    if _DISK_SIZE not in items or _FILE_PARAMETERS not in items:
        raise _damaged("its metadata don't tell its size")
    _block_bytes, flags = fields(at, "<II", start + items[_FILE_PARAMETERS])
    if flags & _HAS_PARENT:
        raise not_alone("a parent")
    (found,) = fields(at, "<Q", start + items[_DISK_SIZE])
    return int(found)


def _metadata(at: At) -> int:
    """Where the metadata begin, by the first region table that is there."""
    for place in _TABLES:
        table = at(place, _TABLE_BYTES)
        signature, _checksum, count = fields(_of(table), "<4sII", 0)
        if signature == b"regi":
            regions = dict(_entries(table, _REGIONS, count, "<16sQ"))
            if _METADATA in regions:
                return regions[_METADATA]
    raise _damaged("no region table names its metadata")


def _entries(table: bytes, start: int, count: int, layout: str) -> Iterator[tuple[bytes, int]]:
    """The names and offsets that a table's entries begin with."""
    for place in range(start, min(start + count * _ENTRY_BYTES, _TABLE_BYTES), _ENTRY_BYTES):
        name, offset = fields(_of(table), layout, place)
        yield name, offset


def _of(data: bytes) -> At:
    return lambda start, length: data[start : start + length]


def _damaged(why: str) -> ImageError:
    return ImageError(f"the image is a damaged VHDX: {why}")
