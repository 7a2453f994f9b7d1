"""The formats of virtual machines' disks, told by their first bytes, and what is refused before qemu sees it.

An image may name other files: a backing file, an external data file, extents. On the machine that it's
written on there are none that it could mean, and a file of the machine's own must not end up on its disk.
"""

import struct

from osie.actions.unpack.decompress import ImageError

HEAD_BYTES = 1 << 20  # what is looked at
_QCOW2_BACKING, _QCOW2_CRYPT, _QCOW2_INCOMPATIBLE = 8, 32, 72  # qemu, docs/interop/qcow2.txt
_EXTERNAL_DATA = 1 << 2
_VMDK_CAPACITY = 12  # VMware, Virtual Disk Format 5.0, "Hosted Sparse Extent Header"
_VDI_MAGIC_AT, _VDI_MAGIC = 64, b"\x7f\x10\xda\xbe"


def told(head: bytes) -> str | None:
    """`qcow2`, `vmdk`, `vhdx`, `vdi` or `vpc` (as qemu calls them); None for another. Raises ImageError."""
    if head.startswith(b"QFI\xfb"):
        _check_qcow2(head)
        return "qcow2"
    if head.startswith((b"KDMV", b"COWD", b"# Disk D")):
        _check_vmdk(head)
        return "vmdk"
    if head.startswith(b"vhdxfile"):
        return "vhdx"
    if head.startswith(b"conectix"):
        return "vpc"
    if head[_VDI_MAGIC_AT : _VDI_MAGIC_AT + 4] == _VDI_MAGIC:
        return "vdi"
    return None


def _check_qcow2(head: bytes) -> None:
    if len(head) < _QCOW2_INCOMPATIBLE:
        raise ImageError("the image is truncated: its qcow2 header stops in the middle")
    version, backing = struct.unpack_from(">IQ", head, 4)
    (crypt,) = struct.unpack_from(">I", head, _QCOW2_CRYPT)
    features = (
        struct.unpack_from(">Q", head, _QCOW2_INCOMPATIBLE)[0] if version > 2 and len(head) >= 80 else 0
    )
    if version not in (2, 3):
        raise ImageError(f"the image is qcow2 of version {version}; 2 and 3 can be read")
    if backing:
        raise _not_alone("a backing file")
    if features & _EXTERNAL_DATA:
        raise _not_alone("an external data file")
    if crypt:
        raise ImageError("the image is encrypted")


def _check_vmdk(head: bytes) -> None:
    if not head.startswith(b"KDMV"):
        raise _not_alone("extents in files of their own")
    if len(head) < 512 or not struct.unpack_from("<Q", head, _VMDK_CAPACITY)[0]:
        raise _not_alone("extents in files of their own")
    if b"parentFileNameHint" in head:
        raise _not_alone("a parent")


def _not_alone(what: str) -> ImageError:
    return ImageError(
        f"the image has {what}, and can't be read on its own", hint="make it whole by `qemu-img convert`"
    )
