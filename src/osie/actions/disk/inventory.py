"""The machine's disks, as the kernel (sysfs) and udev (its database, its links) tell of them.

Sources: Documentation/ABI/stable/sysfs-block and testing/sysfs-class-block of Linux; udev's database,
/run/udev/data/bMAJOR:MINOR, is read as systemd's sd-device.c writes it: lines `E:PROPERTY=VALUE`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from osie.actions.progress import size

_SECTOR = 512  # sysfs counts sizes in these, whatever the disk's own are


class Disk(NamedTuple):
    """A whole disk. Names that nobody tells are empty."""

    node: Path  # /dev/NAME
    number: str  # MAJOR:MINOR
    size: int  # bytes
    model: str
    serials: tuple[str, ...]  # by one source or another; the first is for people
    wwns: tuple[str, ...]
    bus: str  # nvme, ata, usb, scsi, virtio, mmc, ...
    links: tuple[str, ...]  # by-id/NAME, by-path/NAME
    place: str  # in sysfs: the way over the buses to it
    rotational: bool
    removable: bool
    read_only: bool
    zoned: bool  # can't be written at will

    def describe(self) -> str:
        """For people: /dev/sda (480.1 GB, SAMSUNG MZ7LH480, serial S45NNE0M, ata)."""
        serial = f"serial {self.serials[0]}" if self.serials else "no serial"
        return f"{self.node} ({size(self.size)}, {self.model or 'no model'}, {serial}, {self.bus})"


def disks(root: Path = Path("/")) -> list[Disk]:
    """All disks that stand for hardware, in the order of their places on the machine's buses.

    Not among them: loop devices, RAM disks, device-mapper and MD devices, and partitions.
    """
    links = _links(root)
    found = []
    for folder in sorted((root / "sys/class/block").glob("*")):
        hidden = _text(folder / "hidden") == "1"  # one of several paths to an NVMe disk
        if (folder / "device").exists() and not (folder / "partition").exists() and not hidden:
            found.append(_read(folder, root, links))
    return sorted(found, key=lambda disk: _natural(disk.place))


def _read(folder: Path, root: Path, links: Mapping[str, list[str]]) -> Disk:
    number = _text(folder / "dev")
    told = _udev(root / "run/udev/data" / f"b{number}")
    device, place = folder / "device", str(folder.resolve().relative_to(root.resolve()))
    node = root / "dev" / folder.name.replace("!", "/")  # a slash in the kernel's name (cciss/c0d0)
    serials = (
        *(told.get(name, "") for name in ("ID_SERIAL_SHORT", "ID_SCSI_SERIAL")),
        *(_text(path) for path in (folder / "serial", device / "serial")),
        told.get("ID_SERIAL", ""),
    )
    wwns = (
        *(told.get(name, "") for name in ("ID_WWN_WITH_EXTENSION", "ID_WWN")),
        *(_text(path) for path in (folder / "wwid", device / "wwid")),
    )
    return Disk(
        node=node,
        number=number,
        size=int(_text(folder / "size") or 0) * _SECTOR,
        model=_text(device / "model") or _text(device / "name") or told.get("ID_MODEL", "").replace("_", " "),
        serials=_distinct(serials),
        wwns=_distinct(wwns),
        bus=_bus(device, place),
        links=tuple(links.get(node.name, ())),
        place=place,
        rotational=_text(folder / "queue/rotational") == "1",
        removable=_text(folder / "removable") == "1",
        read_only=_text(folder / "ro") == "1",
        zoned=_text(folder / "queue/zoned") == "host-managed",
    )


def _bus(device: Path, place: str) -> str:
    """What the disk is attached by; USB and SATA disks are SCSI disks to the kernel."""
    name = (device / "subsystem").resolve().name if (device / "subsystem").exists() else ""
    if name == "scsi":
        return "usb" if "/usb" in place else "ata" if re.search(r"/ata\d", place) else name
    return name.removesuffix("-subsystem") or "unknown bus"


def _links(root: Path) -> dict[str, list[str]]:
    """udev's links to each disk, by the name of its node."""
    found: dict[str, list[str]] = {}
    for kind in ("by-id", "by-path"):
        for link in sorted((root / "dev/disk" / kind).glob("*")):
            if link.is_symlink():
                found.setdefault(link.readlink().name, []).append(f"{kind}/{link.name}")
    return found


def _udev(entry: Path) -> dict[str, str]:
    """The properties that udev's database holds of a device; none where there is no udev."""
    lines = _text(entry).splitlines()
    return dict(line[2:].split("=", 1) for line in lines if line.startswith("E:") and "=" in line)


def _text(path: Path) -> str:
    """A file's text without the spaces and zeroes around it; empty where it can't be read."""
    try:
        return path.read_text(errors="replace").strip(" \n\0")
    except OSError:
        return ""


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts ata2 before ata10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]
