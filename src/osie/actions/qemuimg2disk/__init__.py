"""The action that puts an image in a format of virtual machines (qcow2, VMDK, VHDX, VDI, VHD) onto a disk."""
