"""qcow2's header (qemu, docs/interop/qcow2.txt)."""

from osie.actions.qemuimg2disk.header import At, fields, not_alone
from osie.actions.unpack.decompress import ImageError

MAGIC = b"QFI\xfb"
_BACKING, _SIZE, _CRYPT, _INCOMPATIBLE = 8, 24, 32, 72  # where they are, from version 3 on for the last
_EXTERNAL_DATA = 1 << 2
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
