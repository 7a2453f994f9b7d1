"""QEMU's command line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osie.lab import qemu
from osie.lab.accelerator import KVM, TCG, boot_sector, probe_command

HARDWARE = qemu.Hardware("machine-1", "52-54-00-05-1E-01", Path("/tmp/disk.raw"))
CONNECTIONS = qemu.Connections("tap0", 7, 8, Path("/run/vars.fd"), Path("/run/pxe.ipxe"))


def options(argv: list[str], name: str) -> list[str]:
    """What is given for an option, each time it is."""
    return [argv[i + 1] for i, word in enumerate(argv) if word == name]


def test_network_first_disk_second() -> None:
    """The firmware tries the network before the disk, and the disk has a serial number for by-id."""
    devices = options(qemu.command(HARDWARE, CONNECTIONS, TCG), "-device")
    (card,) = [device for device in devices if device.startswith("virtio-net")]
    (disk,) = [device for device in devices if device.startswith("virtio-blk")]
    assert "bootindex=1" in card and "bootindex=2" in disk
    assert "mac=52:54:00:05:1e:01" in card
    assert "serial=lab-machine-1" in disk


def test_reboots() -> None:
    """A reboot of the guest is one: QEMU doesn't end."""
    assert "-no-reboot" not in qemu.command(HARDWARE, CONNECTIONS, TCG)


def test_bios_has_no_flash() -> None:
    """SeaBIOS is QEMU's own; UEFI comes with OVMF's code, read-only, and the machine's own variables."""
    assert not [d for d in options(qemu.command(HARDWARE, CONNECTIONS, TCG), "-drive") if "pflash" in d]
    uefi = qemu.command(replace(HARDWARE, firmware="uefi"), CONNECTIONS, TCG)
    code, variables = [d for d in options(uefi, "-drive") if "pflash" in d]
    assert "readonly=on" in code and "OVMF_CODE_4M" in code
    assert variables.endswith("file=/run/vars.fd") and "readonly" not in variables


@pytest.mark.parametrize(
    ("changes", "kernel", "rom"),
    [
        ({}, False, True),
        ({"nic": "pxe", "ipxe_kernel": Path("/ipxe.lkrn")}, True, False),
        ({"nic": "pxe", "firmware": "uefi"}, False, False),
        ({"netboot": False}, False, False),
    ],
)
def test_plain_pxe_has_no_ipxe_rom(changes: dict[str, Any], kernel: bool, rom: bool) -> None:
    """A plain card has no iPXE in its ROM; on a BIOS, where no other PXE is to be had, iPXE plays one."""
    argv = qemu.command(replace(HARDWARE, **changes), CONNECTIONS, TCG)
    (card,) = [device for device in options(argv, "-device") if device.startswith("virtio-net")]
    assert ("-kernel" in argv) is kernel
    assert ("romfile=" not in card) is rom


def test_a_kernel_handed_over() -> None:
    """A direct boot gives QEMU kernel, ramdisk and command line, and leaves the card without a ROM."""
    direct = qemu.Direct(Path("/vmlinuz"), Path("/initramfs"), "console=ttyS0 a=b")
    argv = qemu.command(replace(HARDWARE, direct=direct), CONNECTIONS, TCG)
    assert [options(argv, name) for name in ("-kernel", "-initrd", "-append")] == [
        ["/vmlinuz"],
        ["/initramfs"],
        ["console=ttyS0 a=b"],
    ]
    (card,) = [device for device in options(argv, "-device") if device.startswith("virtio-net")]
    assert card.endswith("romfile=")


def test_cpu_of_the_host_with_kvm_only() -> None:
    """TCG emulates a plain CPU, KVM hands the host's through."""
    assert options(qemu.command(HARDWARE, CONNECTIONS, KVM), "-cpu") == ["host"]
    assert options(qemu.command(HARDWARE, CONNECTIONS, TCG), "-cpu") == ["qemu64,+rdrand"]


def test_serial_number_fits() -> None:
    """virtio-blk cuts a serial number at 20 characters; ours is cut by us, so that it is known."""
    assert len(replace(HARDWARE, name="a-machine-with-a-long-name").serial) == 20


def test_probe_is_a_bootable_sector() -> None:
    """The probe's guest is one sector that a BIOS takes for bootable."""
    assert len(boot_sector()) == 512
    assert boot_sector().endswith(b"\x55\xaa")
    assert options(probe_command(KVM, Path("/x")), "-accel") == [KVM]
