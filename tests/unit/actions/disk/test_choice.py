"""DEST_DISK: what it may say, and which disk of a machine that is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from osie.actions.disk.block_device import DeviceError
from osie.actions.disk.choice import choose
from osie.actions.disk.hints import parse
from osie.actions.disk.inventory import Disk, disks

GB = 10**9


def disk(name: str, size: int, **others: Any) -> Disk:
    """A disk that nothing is wrong with."""
    plain = Disk(
        node=Path("/dev", name),
        number="8:0",
        size=size,
        model="SAMSUNG MZ7LH480",
        serials=(f"S-{name}",),
        wwns=(f"0x5002538e0000000{len(name)}",),
        bus="ata",
        links=(f"by-id/ata-SAMSUNG_{name}", f"by-path/pci-0000:00:1f.2-{name}"),
        place=f"sys/devices/{name}",
        rotational=False,
        removable=False,
        read_only=False,
        zoned=False,
    )
    return plain._replace(**others)


MACHINE = (
    disk("nvme0n1", 1920 * GB, model="INTEL SSDPE2KX020T8", bus="nvme", wwns=("eui.01000000010000005cd2e4",)),
    disk("sda", 480_103_981_056),
    disk("sdb", 480_103_981_056),
    disk("sdc", 4001 * GB, model="ST4000NM0035", rotational=True, serials=("ZC1", "ST4000NM0035_ZC1")),
    disk("sdd", 32 * GB, model="Cruzer", bus="usb", removable=True),
)


def chosen(wanted: str, seen: Sequence[Disk] = MACHINE) -> str:
    """The disk's name; nothing is in use."""
    return choose(wanted, seen=lambda: seen, in_use=lambda _disk: "", timeout_s=0).name


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("/dev/disk/by-id/anything", "anything"),
        ("serial=s-SDA", "sda"),
        ("serial=ST4000NM0035_ZC1", "sdc"),
        ("wwn=01000000010000005CD2E4", "nvme0n1"),
        ("wwn=0x01000000010000005cd2e4", "nvme0n1"),
        ("model=intel*", "nvme0n1"),
        ("model=INTEL_SSD*", "nvme0n1"),
        ("by-id=ata-samsung_sdb", "sdb"),
        ("by-id=/dev/disk/by-id/ata-SAMSUNG_sdb", "sdb"),
        ("by-path=*-sdc", "sdc"),
        ("rotational=true", "sdc"),
        ("bus=nvme", "nvme0n1"),
        ("size=4TB", "sdc"),
        ("size=1TB..2TB", "nvme0n1"),
        ("size>=1TiB, rotational=no", "nvme0n1"),
        ("size<=500GB,first", "sda"),
        ("size=..500GB,serial=S-sdb", "sdb"),
        ("smallest,rotational=true", "sdc"),
        ("smallest", "sda"),
        ("first", "nvme0n1"),
        ("serial=S-sdd", "sdd"),  # removable, and meant
    ],
)
def test_hints_find_the_disk(wanted: str, name: str) -> None:
    """Alone and together, whatever the case, in the ways that sources write a name."""
    assert chosen(wanted) == name


def test_several_that_fit_are_an_error() -> None:
    """It names them all, and those that were passed over with the reason."""
    with pytest.raises(DeviceError, match="2 disks fit DEST_DISK=size=480GB") as caught:
        chosen("size=480GB")
    told = str(caught.value)
    assert "/dev/sda (480.1 GB, SAMSUNG MZ7LH480, serial S-sda, ata), /dev/sdb (" in told
    assert "/dev/sdc (4.0 TB, ST4000NM0035, serial ZC1, ata): its size is 4.0 TB" in told
    assert "smallest" in caught.value.hint


def test_none_that_fits_is_an_error() -> None:
    """Each disk is there with all that speaks against it."""
    with pytest.raises(DeviceError, match="no disk fits DEST_DISK=model=WD\\*,rotational=false") as caught:
        chosen("model=WD*,rotational=false")
    assert "its model is ST4000NM0035, it is rotational" in str(caught.value)
    with pytest.raises(DeviceError, match="the machine has none"):
        chosen("first", ())


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"removable": True}, "removable"),
        ({"read_only": True}, "read-only"),
        ({"size": 0}, "no medium"),
        ({"zoned": True}, "zoned"),
    ],
)
def test_an_unfit_disk_is_passed_over(fault: dict[str, Any], why: str) -> None:
    """By every hint that may mean another: the next one is taken, or none."""
    bad = disk("sda", **{"size": GB, **fault})
    assert chosen("first", (bad, disk("sdb", 2 * GB))) == "sdb"
    with pytest.raises(DeviceError, match=why):
        chosen("model=SAMSUNG*", (bad,))


def test_a_disk_in_use_is_passed_over() -> None:
    """What uses it is told."""
    in_use = {"sda": "it is in use: sda1 mounted at /"}
    found = choose(
        "size=480GB", seen=lambda: MACHINE, in_use=lambda disk: in_use.get(disk.node.name, ""), timeout_s=0
    )
    assert found.name == "sdb"


def test_a_disk_that_comes_late_is_waited_for() -> None:
    """A controller may be slow; what is there when it fits is taken."""
    looks = iter([(), (disk("sda", GB),)])
    assert choose("first", seen=lambda: next(looks), in_use=lambda _disk: "").name == "sda"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("", "holds ''"),
        ("sda", "holds 'sda': expected a path"),
        ("serial=", "holds 'serial='"),
        ("serial=x,", "holds ''"),
        ("colour=red", "colour is none of"),
        ("serial>=5", "only size takes >="),
        ("rotational=maybe", "rotational=true or rotational=false"),
        ("size=big", "expected size=480GB"),
        ("size=2TB..1TB", "expected size=480GB"),
        ("size=..", "expected size=480GB"),
        ("size=5G", "expected size=480GB"),
        ("first,smallest", "both first and smallest"),
    ],
)
def test_what_is_no_hint_is_refused(wanted: str, why: str) -> None:
    """With the word that is wrong, and what could stand there."""
    with pytest.raises(ValueError, match=why):
        parse(wanted)
    with pytest.raises(DeviceError, match=f"DEST_DISK .*{why}"):
        chosen(wanted)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Make files as sysfs, udev and /dev have them."""

    def make(files: dict[str, str], links: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        for name, target in links.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        return tmp_path

    return make


def test_disks_are_read_from_sysfs_and_udev(tree: Callable[..., Path]) -> None:
    """Hardware only, in the order of its places, with every name by which it goes."""
    ata = "sys/devices/pci0000:00/0000:00:1f.2/ata{0}/host{0}/target{0}:0:0/{0}:0:0:0"
    sda, sdb = ata.format(10) + "/block/sda", ata.format(2) + "/block/sdb"
    loop = "sys/devices/virtual/block/loop0"
    root = tree(
        {
            f"{sda}/size": "2048",
            f"{sda}/dev": "8:0",
            f"{sda}/ro": "0",
            f"{sda}/removable": "0",
            f"{sda}/queue/rotational": "1",
            f"{sda}/sda1/partition": "1",
            f"{ata.format(10)}/model": "QEMU HARDDISK   ",
            f"{ata.format(10)}/wwid": "t10.ATA     QEMU HARDDISK",
            f"{sdb}/size": "4096",
            f"{sdb}/dev": "8:16",
            f"{sdb}/removable": "1",
            f"{loop}/size": "8",
            "sys/bus/scsi/uevent": "",
            "run/udev/data/b8:0": "S:disk/by-id/ata\nE:ID_SERIAL=QEMU_HARDDISK_QM1\nE:ID_SERIAL_SHORT=QM1",
        },
        {
            f"{sda}/device": "../..",
            f"{sdb}/device": "../..",
            f"{ata.format(10)}/subsystem": "../" * 7 + "bus/scsi",
            "sys/class/block/sda": f"../../../{sda}",
            "sys/class/block/sda1": f"../../../{sda}/sda1",
            "sys/class/block/sdb": f"../../../{sdb}",
            "sys/class/block/loop0": f"../../../{loop}",
            "dev/disk/by-id/ata-QEMU": "../../sda",
            "dev/disk/by-id/ata-QEMU-part1": "../../sda1",
        },
    )
    second, first = disks(root)
    assert (first.node, second.node) == (root / "dev/sda", root / "dev/sdb")
    assert first == Disk(
        node=root / "dev/sda",
        number="8:0",
        size=2048 * 512,
        model="QEMU HARDDISK",
        serials=("QM1", "QEMU_HARDDISK_QM1"),
        wwns=("t10.ATA     QEMU HARDDISK",),
        bus="ata",
        links=("by-id/ata-QEMU",),
        place=sda,
        rotational=True,
        removable=False,
        read_only=False,
        zoned=False,
    )
    assert second.removable
    assert second.bus == "unknown bus"
