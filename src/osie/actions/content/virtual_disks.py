"""The formats of virtual machines' disks, by the magic numbers that tell them."""

from osie.actions.content.magic import Magic

VMDK = b"KDMV"  # of a VMDK with its extent inside

TAKEN: dict[str, tuple[Magic, ...]] = {  # by what qemu calls the format: what qemuimg2disk writes
    "qcow2": (Magic("a qcow2 image", 0, b"QFI\xfb"),),
    "vmdk": (
        Magic("a VMDK image", 0, VMDK),
        Magic("a VMDK image", 0, b"COWD"),
        Magic("a VMDK image's descriptor", 0, b"# Disk D"),
    ),
    "vhdx": (Magic("a VHDX image", 0, b"vhdxfile"),),
    "vpc": (Magic("a VHD image", 0, b"conectix"),),
    "vdi": (Magic("a VDI image", 64, b"\x7f\x10\xda\xbe"),),
}
NOT_TAKEN = (
    Magic("a QED image", 0, b"QED\0"),
    Magic("a Parallels image", 0, b"WithoutFreeSpace"),
    Magic("a Parallels image", 0, b"WithouFreSpacExt"),
)
