"""Partition tables and boot sectors, in a disk's first bytes.

Sources: UEFI specification 2.10, 5.2 (MBR) and 5.3.2 (GPT); Linux' block/partitions (Apple, BSD, Sun, SGI).
"""

import functools
import operator
import struct

from osie.actions.content.magic import Magic, first
from osie.contracts.image_manifest import SECTOR_SIZES

# the signature; the places of the numbers of its own sector and of its backup's
_GPT, _MY_LBA, _BACKUP_LBA = b"EFI PART", 24, 32
_BOOT_SIGNATURE_AT, _BOOT_SIGNATURE = 510, b"\x55\xaa"
_ENTRIES_AT, _ENTRY_BYTES, _ENTRIES = 446, 16, 4
_BSD = b"\x57\x45\x56\x82"
_SUN_AT, _SUN = 508, b"\xda\xbe"

MAGICS = (
    Magic("an SGI disk label", 0, b"\x0b\xe5\xa9\x41"),
    *(Magic("an Apple partition map", size, b"PM\0\0") for size in (512, 1024, 2048, 4096)),
    *(Magic("an Amiga partition table", 512 * sector, b"RDSK") for sector in range(16)),
)


def told(head: bytes) -> str | None:
    """Which partition table the disk that begins so has; None where it has none that is known."""
    if gpt_sectors(head):
        return "a GPT"
    if _is_mbr(head):
        return "an MBR"
    if _is_bsd(head):
        return "a BSD disk label"
    if _is_sun(head):
        return "a Sun disk label"
    return first(MAGICS, head)


def gpt_sectors(head: bytes) -> set[int]:
    """The sector sizes in bytes for which there is a GPT: its header is in the second sector."""
    return {size for size in SECTOR_SIZES if _is_gpt_header(head[size : size + 512])}


def gpt_disk_bytes(head: bytes) -> int | None:
    """The size of the disk that a GPT is for: its backup header is in the last sector; None without a GPT."""
    sizes = gpt_sectors(head)
    at = {size: int.from_bytes(head[size + _BACKUP_LBA : size + _BACKUP_LBA + 8], "little") for size in sizes}
    return min(((last + 1) * size for size, last in at.items()), default=None)


def has_boot_signature(head: bytes) -> bool:
    """Whether the first sector ends as one that a BIOS starts. By itself that is little: two bytes."""
    return head.startswith(_BOOT_SIGNATURE, _BOOT_SIGNATURE_AT)


def _is_gpt_header(sector: bytes) -> bool:
    return sector.startswith(_GPT) and int.from_bytes(sector[_MY_LBA : _MY_LBA + 8], "little") == 1


def _is_mbr(head: bytes) -> bool:
    """Whether the boot signature stands below four entries that can be some, at least one in use."""
    if not has_boot_signature(head):
        return False
    entries = [head[_ENTRIES_AT + _ENTRY_BYTES * number :][:_ENTRY_BYTES] for number in range(_ENTRIES)]
    active = all(entry[0] in (0, 0x80) for entry in entries)
    used = [entry for entry in entries if entry[4] and entry[12:16] != bytes(4)]  # a type and a size
    return active and bool(used)


def _is_bsd(head: bytes) -> bool:
    """Whether a label stands in the second sector or behind the first boot code; its magic stands twice."""
    return any(head.startswith(_BSD, at) and head.startswith(_BSD, at + 132) for at in (512, 64))


def _is_sun(head: bytes) -> bool:
    """Whether the label is there, and its checksum: all words together are zero."""
    if not head.startswith(_SUN, _SUN_AT) or len(head) < 512:
        return False
    words: tuple[int, ...] = struct.unpack(">256H", head[:512])
    return functools.reduce(operator.xor, words) == 0
