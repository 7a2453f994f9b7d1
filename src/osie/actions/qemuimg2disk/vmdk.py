"""VMDK's header and descriptor (VMware, Virtual Disk Format 5.0: "Hosted Sparse Extent Header")."""

import re

from osie.actions.qemuimg2disk.header import At, fields, not_alone
from osie.actions.unpack.decompress import ImageError

MAGICS = (b"KDMV", b"COWD", b"# Disk D")
_CAPACITY, _DESCRIPTOR = 12, 28  # where they are; both count sectors
_SECTOR = 512
_NEWEST = 3  # that QEMU reads
_MOST_DESCRIPTOR = 64 << 10
_EXTENT = re.compile(rb"^[ \t]*(?:RW|RDONLY|NOACCESS)[ \t]+\d+", re.MULTILINE)
_NO_PARENT = re.compile(rb"^[ \t]*parentCID[ \t]*=[ \t]*f{8}[ \t\r]*$", re.MULTILINE | re.IGNORECASE)


def size(at: At) -> int:
    """The disk's bytes. Raises ImageError where the image can't be read, or not on its own."""
    if at(0, 4) != MAGICS[0]:
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
