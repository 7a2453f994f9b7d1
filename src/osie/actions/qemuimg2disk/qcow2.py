"""qcow2's header (qemu, docs/interop/qcow2.txt)."""

from array import array
from collections.abc import Iterator

from osie.actions.qemuimg2disk.header import At, fields, not_alone, table
from osie.actions.unpack.decompress import ImageError

_BACKING, _SIZE, _CRYPT, _INCOMPATIBLE = 8, 24, 32, 72  # where they are, from version 3 on for the last
_CLUSTER_BITS, _L1 = 20, 36  # where they are
_EXTERNAL_DATA, _EXTENDED_L2 = 1 << 2, 1 << 4
_LEAST_CLUSTER_BITS, _MOST_CLUSTER_BITS, _MOST_L1_BYTES = 9, 21, 32 << 20  # QEMU's limits (block/qcow2.h)
_OFFSET = 0x00FF_FFFF_FFFF_FE00  # in an entry of either table
_COMPRESSED, _ZERO = 1 << 62, 1
_SECTOR = 512  # compressed clusters are counted in these
_SUBCLUSTERS, _ALLOCATED = 32, 0xFFFF_FFFF
# dirty, corrupt (both can be read), external data, compression type, extended L2 entries
_KNOWN = 0b11111


def size(at: At) -> int:
    """The disk's bytes. Raises ImageError where the image can't be read, or not on its own."""
    version, backing = fields(at, ">IQ", 4)
    if version not in (2, 3):
        raise ImageError(f"the image is qcow of version {version}; 2 and 3 (qcow2) can be read")
    (crypt,) = fields(at, ">I", _CRYPT)
    features = fields(at, ">Q", _INCOMPATIBLE)[0] if version > 2 else 0
    if backing:
        raise not_alone("a backing file")
    if features & _EXTERNAL_DATA:
        raise not_alone("an external data file")
    if crypt:
        raise ImageError("the image is encrypted", hint="make it a plain one by `qemu-img convert`")
    if features & ~_KNOWN:
        raise ImageError(f"the image needs features of qcow2 that aren't known here: {features & ~_KNOWN:#x}")
    (found,) = fields(at, ">Q", _SIZE)
    return int(found)


def ends(at: At, _length: int) -> Iterator[int]:
    """Yield where the data end that the L1 table and the L2 tables name.

    Raises ImageError where a table is cut off. What QEMU refuses anyway is left to it.
    """
    (version,), (bits, disk) = fields(at, ">I", 4), fields(at, ">IQ", _CLUSTER_BITS)
    _crypt, l1_count, l1_at = fields(at, ">IIQ", _CRYPT)
    if not _LEAST_CLUSTER_BITS <= bits <= _MOST_CLUSTER_BITS or l1_count * 8 > _MOST_L1_BYTES:
        return
    extended = version > 2 and bool(fields(at, ">Q", _INCOMPATIBLE)[0] & _EXTENDED_L2)
    of_one_table = (1 << bits) // (16 if extended else 8) << bits  # bytes of the disk
    l1 = array("Q", (entry & _OFFSET for piece in table(at, ">Q", l1_at, l1_count) for entry in piece))
    yield max(l1, default=0)  # before they are read: an image that is cut off lacks some, most often
    for l2_at, begin in zip(l1, range(0, disk, of_one_table), strict=False):
        if l2_at:
            entries = _entries(at, l2_at, -(-min(disk - begin, of_one_table) >> bits), extended=extended)
            yield _last(entries, bits, disk - begin)


def _entries(at: At, l2_at: int, count: int, *, extended: bool) -> Iterator[tuple[int, int]]:
    """The first entries of an L2 table, each with how many subclusters of it are read, from the first on."""
    for words in table(at, ">Q", l2_at, count * (2 if extended else 1)):
        if extended:
            bitmaps = ((bitmap & _ALLOCATED).bit_length() for bitmap in words[1::2])
            yield from zip(words[::2], bitmaps, strict=True)
        else:  # what is flagged as zero isn't read; version 2 leaves the flag unset
            yield from ((word, 0 if word & _ZERO or not word & _OFFSET else _SUBCLUSTERS) for word in words)


def _last(entries: Iterator[tuple[int, int]], bits: int, disk_left: int) -> int:
    """Where the last of the data ends that the entries name; 0 for none."""
    sectors_at = 62 - (bits - 8)
    in_begin, in_sectors = (1 << sectors_at) - 1, (1 << (bits - 8)) - 1
    last = 0
    for entry, subclusters in entries:
        if entry & _COMPRESSED:
            sectors = (entry >> sectors_at & in_sectors) + 1
            # QEMU fills the last one up, and takes deflated data whose end is missing
            last = max(last, ((entry & in_begin) // _SECTOR + sectors) * _SECTOR)
        elif subclusters:
            used = subclusters * (1 << bits) // _SUBCLUSTERS
            last = max(last, (entry & _OFFSET) + min(used, disk_left))
        disk_left -= 1 << bits
    return last
