"""VirtualBox' VDI (include/VBox/vd.h and Storage/VDICore.h there; qemu, block/vdi.c)."""

from osie.actions.qemuimg2disk.header import At, fields, not_alone
from osie.actions.unpack.decompress import ImageError

MAGIC_AT, MAGIC = 64, b"\x7f\x10\xda\xbe"
_VERSION, _TYPE, _SIZE = 68, 76, 368  # where they are
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
