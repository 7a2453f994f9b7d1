"""QEMU's command line for a machine: a value made from a description."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from osie.contracts import mac as macs
from osie.core import host_tools
from osie.lab.accelerator import KVM

Firmware = Literal["bios", "uefi"]
Nic = Literal["ipxe-rom", "pxe"]

_SERIAL_CHARACTERS = 20  # virtio-blk's serial number has room for no more


@dataclass(frozen=True)
class Direct:
    """A kernel that QEMU hands over itself: for what needs no netboot, and is quicker without one."""

    kernel: Path
    initrd: Path
    command_line: str
    card: str = "virtio-net-pci"  # the NIC's model, as QEMU names it


@dataclass(frozen=True)
class Hardware:
    """What a machine consists of."""

    name: str
    mac: str
    disk: Path
    memory_mib: int = 1024
    cpus: int = 2
    firmware: Firmware = "bios"
    nic: Nic = "ipxe-rom"
    netboot: bool = True  # False: the firmware does not try the network
    disk_format: str = "raw"
    direct: Direct | None = None  # in place of what the firmware would boot
    ipxe_kernel: Path | None = None  # Debian's ipxe.lkrn: what plays a plain PXE card on a BIOS

    @property
    def serial(self) -> str:
        """The disk's serial number: /dev/disk/by-id/virtio-SERIAL."""
        return f"lab-{self.name}"[:_SERIAL_CHARACTERS]


@dataclass(frozen=True)
class Connections:
    """What one run of QEMU is connected to."""

    tap: str
    monitor_fd: int
    console_fd: int
    variables: Path  # UEFI: the private copy of OVMF's variables
    script: Path  # BIOS with a plain PXE card: see pxe_script


def pxe_script() -> str:
    """What makes iPXE pass for a card with plain PXE.

    No firmware but iPXE is to be had for QEMU's cards on a BIOS. So the card has no ROM at all, and an iPXE
    loaded beside it plays one: it hides its user class, loads the file that DHCP names, and goes on to the
    disk where there is none.
    """
    return "#!ipxe\nset user-class PXEClient\nautoboot net0 || exit\n"


def command(hardware: Hardware, connections: Connections, accelerator: str) -> list[str]:
    """QEMU's arguments. The network comes first in the boot order, the disk second."""
    return [
        "qemu-system-x86_64",
        *("-name", hardware.name),
        *("-accel", accelerator),
        # rdrand, as in any server since 2012: without it the kernel gathers randomness for up to a second
        *("-cpu", "host" if accelerator == KVM else "qemu64,+rdrand"),
        # graphics=off has SeaBIOS, and iPXE with it, write to the serial port.
        *("-machine", "q35,graphics=off"),
        *("-smp", str(hardware.cpus)),
        *("-m", str(hardware.memory_mib)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"),
        *("-device", "virtio-rng-pci"),
        *_firmware(hardware, connections),
        *_network(hardware, connections),
        *_disk(hardware),
        *("-chardev", f"socket,id=console,fd={connections.console_fd}", "-serial", "chardev:console"),
        *(
            "-chardev",
            f"socket,id=monitor,fd={connections.monitor_fd}",
            "-mon",
            "chardev=monitor,mode=control",
        ),
    ]


def _firmware(hardware: Hardware, connections: Connections) -> list[str]:
    if hardware.firmware == "bios":
        return []
    code = f"if=pflash,unit=0,format=raw,readonly=on,file={host_tools.OVMF_CODE.path}"
    variables = f"if=pflash,unit=1,format=raw,file={connections.variables}"
    # Its PXE over IPv6 waits 68 s for an offer before the boot order's next entry; nobody here makes one.
    no_ipv6 = "name=opt/org.tianocore/IPv6PXESupport,string=n"
    return ["-drive", code, "-drive", variables, "-fw_cfg", no_ipv6]


def _network(hardware: Hardware, connections: Connections) -> list[str]:
    netdev = ["-netdev", f"tap,id=net,ifname={connections.tap},script=no,downscript=no"]
    connected = f"netdev=net,mac={macs.normalise(hardware.mac)}"
    if hardware.direct is not None:
        given = hardware.direct
        handed = ["-kernel", str(given.kernel), "-initrd", str(given.initrd), "-append", given.command_line]
        return [*netdev, "-device", f"{given.card},{connected},romfile=", *handed]
    card = f"virtio-net-pci,{connected}"
    if not hardware.netboot:
        return [*netdev, "-device", f"{card},romfile="]
    if hardware.nic == "ipxe-rom":
        return [*netdev, "-device", f"{card},bootindex=1"]
    if hardware.firmware == "uefi":  # OVMF has drivers and PXE of its own
        return [*netdev, "-device", f"{card},bootindex=1,romfile="]
    if hardware.ipxe_kernel is None:
        raise ValueError("on a BIOS a plain PXE card needs ipxe_kernel")
    kernel = ["-kernel", str(hardware.ipxe_kernel), "-initrd", str(connections.script)]
    return [*netdev, "-device", f"{card},romfile=", *kernel]


def _disk(hardware: Hardware) -> list[str]:
    """The disk. cache=writeback: the guest's flushes reach the host's disk, and are all that must.

    A cut kills QEMU: what the guest had not written yet is lost. What it had written but not flushed stays in
    the host's page cache, as if the disk's own cache were battery-backed; the lab cannot lose that.
    """
    options = f"cache=writeback,aio=threads,discard=unmap,detect-zeroes=unmap,format={hardware.disk_format}"
    device = f"virtio-blk-pci,drive=disk,bootindex=2,serial={hardware.serial}"
    return ["-drive", f"id=disk,if=none,{options},file={hardware.disk}", "-device", device]
