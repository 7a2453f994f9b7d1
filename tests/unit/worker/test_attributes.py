"""What a machine is made of, read from a made-up one."""

import re
from pathlib import Path

import pytest

from osie.worker.machine import attributes, nic_features

CPU = """processor : {n}
vendor_id : GenuineIntel
model name : Xeon
physical id : {socket}
core id : {core}
flags : fpu vmx
"""


def write(root: Path, files: dict[str, str]) -> None:
    """Make the files of a machine."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


def test_machine(tmp_path: Path) -> None:
    """Sockets, cores, memory, disks, NICs, PCI functions and the firmware's tables are all read."""
    threads = [(n, n // 4, n % 2) for n in range(8)]
    write(
        tmp_path,
        {
            "proc/cpuinfo": "\n".join(CPU.format(n=n, socket=s, core=c) for n, s, c in threads),
            "proc/meminfo": "MemTotal:   16000000 kB\nMemAvailable:   1048576 kB\nHugePages_Total:   0",
            "sys/devices/system/memory/block_size_bytes": "8000000",
            "sys/devices/system/memory/memory0/online": "1",
            "sys/devices/system/memory/memory1/online": "1",
            "sys/devices/system/memory/memory2/online": "0",
            "sys/block/sda/size": "1953525168",
            "sys/block/sda/queue/rotational": "1",
            "sys/block/sda/queue/physical_block_size": "4096",
            "sys/block/sda/device/model": "ST1000",
            "sys/block/sda/device/vendor": "ATA     ",
            "sys/block/sda/device/wwid": "naa.5000",
            "sys/block/sda/device/serial": "Z1",
            "sys/block/loop0/size": "100",
            "sys/block/sr0/size": "0",
            "sys/block/sr0/device/model": "DVD",
            "sys/class/net/eth0/address": "52:54:00:00:00:01",
            "sys/class/net/eth0/speed": "10000",
            "sys/class/net/eth0/device/vendor": "0x8086",
            "sys/class/net/lo/address": "00:00:00:00:00:00",
            "sys/bus/pci/devices/0000:00:02.0/vendor": "0x1234",
            "sys/bus/pci/devices/0000:00:02.0/device": "0x1111",
            "sys/bus/pci/devices/0000:00:02.0/class": "0x030000",
            "sys/bus/pci/devices/0000:00:03.0/vendor": "0x8086",
            "sys/bus/pci/devices/0000:00:03.0/device": "0x1572",
            "sys/bus/pci/devices/0000:00:03.0/class": "0x020000",
            "sys/bus/pci/drivers/i40e/new_id": "",
            "sys/class/dmi/id/sys_vendor": "Dell Inc.",
            "sys/class/dmi/id/product_name": "PowerEdge",
            "sys/class/dmi/id/product_serial": "To Be Filled By O.E.M.",
            "sys/class/dmi/id/bios_version": "2.1",
            "sys/class/dmi/id/board_name": "0XYZ",
            "sys/class/dmi/id/chassis_serial": "C1",
        },
    )
    (tmp_path / "sys/bus/pci/devices/0000:00:03.0/driver").symlink_to(tmp_path / "sys/bus/pci/drivers/i40e")
    told = attributes.read(tmp_path, {"eth0": ["highdma"]}.__getitem__)
    assert (told.cpu.total_cores, told.cpu.total_threads, len(told.cpu.processors)) == (4, 8, 2)
    assert (told.cpu.processors[1].vendor, list(told.cpu.processors[1].capabilities)) == (
        "GenuineIntel",
        ["fpu", "vmx"],
    )
    assert (told.memory.total, told.memory.usable) == ("256MB", "16GB")
    (disk,) = told.block
    assert (disk.name, disk.drive_type, disk.size, disk.physical_block_size) == (
        "sda",
        "HDD",
        "932GB",
        "4KB",
    )
    assert (disk.vendor, disk.model, disk.wwn, disk.serial_number) == ("ATA", "ST1000", "0x5000", "Z1")
    (nic,) = told.network
    assert list(nic.enabled_capabilities) == ["highdma"]
    assert (nic.name, nic.mac, nic.speed) == ("eth0", "52:54:00:00:00:01", "10000Mb/s")
    assert [(p.vendor, p.product, p.driver) for p in told.pci] == [
        ("1234", "1111", ""),
        ("8086", "1572", "i40e"),
    ]
    assert [getattr(g, "class") for g in told.gpu] == ["030000"]
    assert (told.product.vendor, told.product.name, told.product.serial_number) == (
        "Dell Inc.",
        "PowerEdge",
        "",
    )
    assert (told.bios.version, told.baseboard.product, told.chassis.serial) == ("2.1", "0XYZ", "C1")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "1B"), (1023, "1023B"), (1024, "1KB"), (1025, "2KB"), (16 << 30, "16GB"), (1 << 60, "1EB")],
)
def test_sizes(count: int, text: str) -> None:
    """Sizes are rounded up to whole units of 1024."""
    assert attributes.size(count) == text


def test_disk_as_udev_knows_it(tmp_path: Path) -> None:
    """A disk's serial number and WWN are udev's, which asked the disk itself, where udev has looked at it."""
    write(
        tmp_path,
        {
            "sys/block/sda/size": "2048",
            "sys/block/sda/dev": "8:0",
            "sys/block/sda/device/wwid": "t10.ATA     ST1000",
            "run/udev/data/b8:0": "S:disk/by-id/ata-ST1000_Z1\nE:ID_SERIAL=ST1000_Z1\nE:ID_SERIAL_SHORT=Z1\n"
            "E:ID_WWN=0x5000c500a1b2c3d4\nE:ID_WWN_WITH_EXTENSION=0x5000c500a1b2c3d40001",
        },
    )
    (disk,) = attributes.block(tmp_path)
    assert (disk.serial_number, disk.wwn) == ("Z1", "0x5000c500a1b2c3d40001")


@pytest.mark.parametrize(
    ("name", "controller"),
    [
        ("sr0", "SCSI"),
        ("xvda", "SCSI"),
        ("hda", "IDE"),
        ("mmcblk0", "MMC"),
        ("nvme0n1", "NVMe"),
        ("pmem0", "Unknown"),
    ],
)
def test_controllers(tmp_path: Path, name: str, controller: str) -> None:
    """The controller is told by the kernel's name of the disk, in upstream's words."""
    write(tmp_path, {f"sys/block/{name}/size": "2048", f"sys/block/{name}/device/model": "x"})
    assert [disk.controller_type for disk in attributes.block(tmp_path)] == [controller]


def test_odd_sockets(tmp_path: Path) -> None:
    """A socket that has no number is one socket, and no error: attributes never stop the worker."""
    write(tmp_path, {"proc/cpuinfo": CPU.format(n=0, socket="unknown", core=0)})
    assert attributes.cpu(tmp_path).total_cores == 1


def test_nothing_to_read(tmp_path: Path) -> None:
    """A machine that shows nothing of itself has empty attributes, and that is no error."""
    assert attributes.read(tmp_path, nic_features.enabled).cpu.total_cores == 0


def test_this_machine() -> None:
    """The real files of a real kernel are understood."""
    told = attributes.read(Path("/"), nic_features.enabled)
    assert told.cpu.total_threads >= told.cpu.total_cores >= 1
    assert re.fullmatch(r"\d+[MG]B", told.memory.total)
