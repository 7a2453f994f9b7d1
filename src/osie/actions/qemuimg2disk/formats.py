"""The formats of virtual machines' disks, told by their first bytes, and what is refused before qemu sees it.

An image may name other files: a backing file, an external data file, extents. On the machine that it's
written on there are none that it could mean, and a file of the machine's own must not end up on its disk.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from osie.actions.content import virtual_disks
from osie.actions.content.magic import first
from osie.actions.qemuimg2disk import qcow2, vdi, vhd, vhdx, vmdk
from osie.actions.qemuimg2disk.header import At
from osie.actions.unpack.decompress import ImageError

_TOLD_BY_BYTES = 512
_TAR_MAGIC_AT, _TAR_MAGIC, _TAR_NAME_BYTES = 257, b"ustar", 100  # POSIX, pax: ustar interchange format


class _Format(Protocol):
    """What each format's module has."""

    def size(self, at: At, /) -> int: ...
    def ends(self, at: At, length: int, /) -> Iterator[int]: ...


_FORMATS: dict[str, _Format] = {"qcow2": qcow2, "vmdk": vmdk, "vhdx": vhdx, "vpc": vhd, "vdi": vdi}


class Disk(NamedTuple):
    """What an image is and becomes."""

    kind: str  # as qemu calls the format: qcow2, vmdk, vhdx, vpc or vdi
    size: int  # bytes of the disk that it becomes, at most


def told(at: At) -> Disk | None:
    """The image; None where it is in none of these formats. Raises ImageError for one that can't be taken."""
    head = at(0, _TOLD_BY_BYTES)
    kind = next((kind for kind, magics in virtual_disks.TAKEN.items() if first(magics, head)), None)
    if kind is None:
        _check_others(head)
        return None
    size = _FORMATS[kind].size(at)
    if not size:
        raise ImageError(f"the image is empty: a {kind} of a disk without any bytes")
    return Disk(kind, size)


def check_whole(kind: str, at: At, length: int) -> None:
    """Raise ImageError where the tables of an image of `length` bytes name data behind its end.

    QEMU reads zeroes there (bdrv_aligned_preadv, block/io.c), and refuses few of them by itself.
    Why not `qemu-img check`: docs/decisions/0030-truncation-by-the-tables.md
    """
    for end in _FORMATS[kind].ends(at, length):
        if end > length:
            raise ImageError(
                f"the image is truncated: it has {length} bytes, and its tables name data up to byte {end}"
            )


def _check_others(head: bytes) -> None:
    """Raise ImageError for virtual machines' formats that aren't taken, with what to do."""
    if what := first(virtual_disks.NOT_TAKEN, head):
        raise ImageError(f"the image is {what}", hint="make it a qcow2 by `qemu-img convert -O qcow2`")
    name = head[:_TAR_NAME_BYTES].partition(b"\0")[0]
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC) and name.lower().endswith(b".ovf"):  # OVF 2.1, 6.2.1
        raise ImageError(
            "the image is an OVA, a tar archive that holds a machine's description and its disks",
            hint="unpack it by `tar -xf`, and give the URL of the .vmdk",
        )
