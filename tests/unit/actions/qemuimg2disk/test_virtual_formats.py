"""The formats of virtual machines' disks: what their first bytes tell, and what is refused for it."""

import struct
import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.content import virtual_disks
from osie.actions.qemuimg2disk import formats
from osie.actions.unpack.decompress import ImageError

GIB = 1 << 30
# [MS-VHDX], 2.2.3.2 and 2.6.1.2
METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le


def told(image: bytes) -> formats.Disk | None:
    """What is told by an image's bytes."""
    return formats.told(lambda start, length: image[start : start + length])


def a_qcow2(*, version: int = 3, backing: int = 0, crypt: int = 0, incompatible: int = 0) -> bytes:
    """A qcow2 header of a disk of 1 GiB."""
    front = struct.pack(">4sIQIIQI", b"QFI\xfb", version, backing, 0, 16, GIB, crypt)
    return front + bytes(36) + struct.pack(">Q", incompatible) + bytes(512)


def a_vhd(*, kind: int = 3, creator: bytes = b"win ", geometry: tuple[int, int, int] = (1, 1, 1)) -> bytes:
    """A VHD's footer of a disk of 1 GiB."""
    return (
        b"conectix"
        + bytes(20)
        + creator
        + bytes(16)
        + struct.pack(">QHBBI", GIB, *geometry, kind)
        + bytes(448)
    )


def a_vmdk(descriptor: str, *, version: int = 1, capacity: int = GIB // 512) -> bytes:
    """A VMDK's header and descriptor."""
    front = struct.pack("<4sIIQQQQ", b"KDMV", version, 3, capacity, 128, 1, 20)
    return front.ljust(512, b"\0") + descriptor.encode().ljust(10240, b"\0")


def a_vdi(*, kind: int = 1, version: int = 0x10001) -> bytes:
    """A VDI's header of a disk of 1 GiB."""
    front = bytes(64) + b"\x7f\x10\xda\xbe" + struct.pack("<III", version, 400, kind)
    return front.ljust(368, b"\0") + struct.pack("<Q", GIB) + bytes(512)


def a_vhdx(*, flags: int = 0, table: int = 192 << 10, metadata: int = 2 << 20) -> bytes:
    """A VHDX of a disk of 1 GiB, with one region table."""
    image = bytearray(max(metadata, 1 << 20) + (1 << 20))
    image[:8] = b"vhdxfile"
    image[table : table + 48] = struct.pack("<4sIII16sQII", b"regi", 0, 1, 0, METADATA, metadata, 1 << 20, 1)
    items = {FILE_PARAMETERS: struct.pack("<II", 1 << 20, flags), DISK_SIZE: struct.pack("<Q", GIB)}
    image[metadata : metadata + 12] = struct.pack("<8sHH", b"metadata", 0, len(items))
    for number, (name, value) in enumerate(items.items()):
        place, offset = metadata + 32 + 32 * number, 65536 + 8 * number
        image[place : place + 24] = name + struct.pack("<II", offset, len(value))
        image[metadata + offset : metadata + offset + len(value)] = value
    return bytes(image)


WHOLE = '# Disk DescriptorFile\nparentCID=ffffffff\nRW 2097152 SPARSE "a.vmdk"\n'


@pytest.mark.parametrize(
    ("image", "kind"),
    [(a_qcow2(), "qcow2"), (a_qcow2(version=2, incompatible=1 << 60), "qcow2"), (a_vmdk(WHOLE), "vmdk"),
     (a_vdi(), "vdi"), (a_vdi(kind=2), "vdi"), (a_vhd(), "vpc"),
     (a_vhd(creator=b"qemu", geometry=(65535, 16, 255)), "vpc"),
     (a_vhdx(), "vhdx"), (a_vhdx(table=256 << 10, metadata=9 << 20), "vhdx")],
)  # fmt: skip
def test_an_image_tells_what_it_becomes(image: bytes, kind: str) -> None:
    """Its format, and the size of the disk."""
    assert told(image) == (kind, GIB)


def test_a_vhd_that_goes_by_its_geometry_is_as_large_as_that() -> None:
    """Who makes them so rounds the size up to whole cylinders."""
    assert told(a_vhd(creator=b"qemu", geometry=(2082, 16, 63))) == ("vpc", 2082 * 16 * 63 * 512)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (a_qcow2(version=1), "version 1"),
        (a_qcow2(backing=104), "a backing file"),
        (a_qcow2(incompatible=1 << 2), "an external data file"),
        (a_qcow2(crypt=2), "encrypted"),
        (a_qcow2(incompatible=1 << 9), "features of qcow2 that aren't known here: 0x200"),
        (a_qcow2()[:30], "truncated: its header stops"),
        (b"# Disk DescriptorFile\n", "extents in files of their own"),
        (b"COWD" + bytes(600), "extents in files of their own"),
        (a_vmdk(WHOLE, capacity=0), "extents in files of their own"),
        (a_vmdk(""), "extents in files of their own"),
        (a_vmdk(WHOLE + 'RW 9 SPARSE "b.vmdk"\n'), "extents in files of their own"),
        (a_vmdk(WHOLE.replace("ffffffff", "12345678")), "a parent"),
        (a_vmdk(WHOLE + 'parentFileNameHint="a"\n'), "a parent"),
        (a_vmdk(WHOLE, version=4), "VMDK of version 4"),
        (a_vdi(kind=4), "a parent"),
        (a_vdi(version=0x20000), "VDI of version 2.0"),
        (a_vhd(kind=4), "a parent"),
        (a_vhd(kind=2), "VHD of type 2"),
        (a_vhdx(flags=2), "a parent"),
        (a_vhdx().replace(b"regi", b"igre"), "no region table"),
        (a_vhdx().replace(b"metadata", b"something"[:8]), "no metadata where"),
        (a_vhdx().replace(DISK_SIZE, bytes(16)), "don't tell its size"),
        (a_qcow2().replace(struct.pack(">Q", GIB), bytes(8)), "empty: a qcow2"),
        (b"QED\0" + bytes(600), "a QED image"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_first_bytes(image: bytes, why: str) -> None:
    """Before the disk is touched, and before qemu sees it. A VHD's parent qemu would take for zeroes."""
    with pytest.raises(ImageError, match=why):
        told(image)


MAGICS = [bytes(magic.at) + magic.number for magics in virtual_disks.TAKEN.values() for magic in magics]
MAGICS.append(b"vhdxfile".ljust(192 << 10, b"\0"))


@given(st.sampled_from(MAGICS), st.binary(max_size=700))
def test_no_header_brings_another_error(magic: bytes, rest: bytes) -> None:
    """Whatever stands in it: it tells a size, or an ImageError does what is wrong, after a few looks."""
    image, looks = magic + rest, []

    def at(start: int, length: int) -> bytes:
        looks.append(length)
        return image[start : start + length]

    try:
        found = formats.told(at)
    except ImageError:
        found = None
    assert found is None or found.size > 0
    assert len(looks) < 10
    assert max(looks) <= 64 << 10


WHOLE_HEADERS = [a_qcow2(), a_vmdk(WHOLE), a_vdi(), a_vhd(), a_vhdx()]


@given(st.sampled_from(WHOLE_HEADERS), st.integers(4, 640), st.binary(min_size=1, max_size=60))
def test_no_table_brings_another_error(image: bytes, place: int, other: bytes) -> None:
    """Whatever a header says of its tables: bounded pieces are looked at, or an ImageError is told."""
    image, looks = image[:place] + other + image[place + len(other) :], []

    def at(start: int, length: int) -> bytes:
        looks.append(length)
        return image[start : start + length]

    with suppress(ImageError):
        if (found := formats.told(at)) is not None:
            formats.check_whole(found.kind, at, len(image))
    assert max(looks) <= 64 << 10


def test_other_bytes_are_no_such_image() -> None:
    """A raw disk, or nothing at all."""
    assert told(bytes(510) + b"\x55\xaa") is None
    assert told(b"") is None
