"""What the machine is made of, from /proc and /sys alone.

Every function takes the root path of a file tree, so that a made-up machine is as good as a real one. What
can't be read is left empty: attributes inform, nothing depends on them. Texts are those of upstream's agent,
so that whoever selects machines by them needn't know which agent told. Two differ: PCI vendors, products and
classes are the hexadecimal IDs, for names would take a database of a megabyte; and interfaces that no
hardware stands behind, such as the engine's bridge, are left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from osie.contracts import tink_pb2

_SECTOR = 512  # bytes; /sys/block/*/size counts these, whatever the disk's own sector is
_GPU_CLASS = "03"
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_PLACEHOLDERS = {"", "none", "default string", "to be filled by o.e.m.", "not specified"}


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def size(count: int) -> str:
    """A number of bytes as upstream writes it: units of 1024, rounded up: "512B", "16GB"."""
    unit = 0
    while count >= 1024 ** (unit + 1) and unit < len(_UNITS) - 1:
        unit += 1
    return f"{-(-count // 1024**unit)}{_UNITS[unit]}" if count else ""


def _processor_blocks(root: Path) -> Iterator[dict[str, str]]:
    """One dict for each logical processor of /proc/cpuinfo."""
    for block in _text(root / "proc/cpuinfo").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {key.strip(): value.strip() for key, _, value in pairs}
        if "processor" in fields:
            yield fields


def cpu(root: Path) -> tink_pb2.CPU:
    """The sockets, with their cores and threads. ARM's cpuinfo has no sockets: they count as one."""
    sockets: dict[int, list[dict[str, str]]] = {}
    for block in _processor_blocks(root):
        socket = block.get("physical id", "")
        sockets.setdefault(int(socket) if socket.isdecimal() else 0, []).append(block)
    processors = []
    for number, threads in sorted(sockets.items()):
        cores = {thread.get("core id", thread["processor"]) for thread in threads}
        first = threads[0]
        processors.append(
            tink_pb2.Processor(
                id=number,
                cores=len(cores),
                threads=len(threads),
                vendor=first.get("vendor_id", first.get("CPU implementer", "")),
                model=first.get("model name", ""),
                capabilities=first.get("flags", first.get("Features", "")).split(),
            )
        )
    return tink_pb2.CPU(
        total_cores=sum(p.cores for p in processors),
        total_threads=sum(p.threads for p in processors),
        processors=processors,
    )


def memory(root: Path) -> tink_pb2.Memory:
    """What is plugged in, as far as the kernel uses it, and what of that it hasn't kept for itself."""
    usable = 0
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if name == "MemTotal" and words and words[0].isdecimal():
            usable = int(words[0]) * 1024
    return tink_pb2.Memory(total=size(_plugged_in(root) or usable), usable=size(usable))


def _plugged_in(root: Path) -> int:
    """Bytes of the memory blocks that are online; 0 where the kernel doesn't tell (memory-hotplug.rst)."""
    folder = root / "sys/devices/system/memory"
    online = [_text(entry / "online") for entry in _entries(folder) if entry.name.startswith("memory")]
    try:
        return int(_text(folder / "block_size_bytes"), 16) * online.count("1")
    except ValueError:
        return 0


_CONTROLLERS = {  # by how the kernel names disks
    "nvme": "NVMe",
    "vd": "virtio",
    "sd": "SCSI",
    "sr": "SCSI",
    "xvd": "SCSI",
    "hd": "IDE",
    "mmcblk": "MMC",
}


def _controller(name: str) -> str:
    return next((kind for prefix, kind in _CONTROLLERS.items() if name.startswith(prefix)), "Unknown")


def _udev(root: Path, entry: Path) -> Mapping[str, str]:
    """What udev found out about the block device, from its database (lines of `E:KEY=VALUE`)."""
    lines = _text(root / "run/udev/data" / f"b{_text(entry / 'dev')}").splitlines()
    pairs = (line.removeprefix("E:").partition("=") for line in lines if line.startswith("E:"))
    return {key: value for key, _, value in pairs}


def _wwn(entry: Path, udev: Mapping[str, str]) -> str:
    """The World Wide Name as udev writes it, 0x and digits; where it told none, the kernel's own name."""
    told = udev.get("ID_WWN_WITH_EXTENSION") or udev.get("ID_WWN")
    kernel = _text(entry / "wwid") or _text(entry / "device/wwid")
    return told or re.sub(r"^naa\.", "0x", kernel)


def _serial_number(entry: Path, udev: Mapping[str, str]) -> str:
    told = udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL")
    return told or _text(entry / "device/serial") or _text(entry / "serial")  # NVMe, virtio


def block(root: Path) -> list[tink_pb2.Block]:
    """The disks: block devices that stand on hardware and have a size."""
    disks = []
    for entry in _entries(root / "sys/block"):
        sectors = _text(entry / "size")
        if not (entry / "device").exists() or not sectors.isdecimal() or sectors == "0":
            continue
        rotates = {"0": "SSD", "1": "HDD"}.get(_text(entry / "queue/rotational"), "Unknown")
        physical = _text(entry / "queue/physical_block_size")
        udev = _udev(root, entry)
        disks.append(
            tink_pb2.Block(
                name=entry.name,
                controller_type=_controller(entry.name),
                drive_type="ODD" if entry.name.startswith("sr") else rotates,
                size=size(int(sectors) * _SECTOR),
                physical_block_size=size(int(physical)) if physical.isdecimal() else "",
                vendor=_text(entry / "device/vendor"),
                model=_text(entry / "device/model"),
                wwn=_wwn(entry, udev),
                serial_number=_serial_number(entry, udev),
            )
        )
    return disks


def network(root: Path, features: Callable[[str], list[str]]) -> list[tink_pb2.Network]:
    """The network interfaces that stand on hardware; `features`: what one has switched on."""
    interfaces = []
    for entry in _entries(root / "sys/class/net"):
        if not (entry / "device").exists():
            continue
        speed = _text(entry / "speed")  # Mbit/s; unreadable or -1 while there is no link
        interfaces.append(
            tink_pb2.Network(
                name=entry.name,
                mac=_text(entry / "address"),
                speed=f"{speed}Mb/s" if speed.isdecimal() else "",
                enabled_capabilities=features(entry.name),
            )
        )
    return interfaces


def _pci_functions(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """(vendor, product, class, driver) of each; vendor and product in 4 digits, the class in 6."""
    for entry in _entries(root / "sys/bus/pci/devices"):
        vendor, product, kind = (
            _text(entry / name).removeprefix("0x") for name in ("vendor", "device", "class")
        )
        driver = entry / "driver"
        yield vendor, product, kind, driver.resolve().name if driver.exists() else ""


def pci(root: Path) -> list[tink_pb2.PCI]:
    """Every PCI function."""
    return [
        tink_pb2.PCI(**{"vendor": vendor, "product": product, "class": kind, "driver": driver})
        for vendor, product, kind, driver in _pci_functions(root)
    ]


def gpu(root: Path) -> list[tink_pb2.GPU]:
    """The PCI functions that are display controllers."""
    return [
        tink_pb2.GPU(**{"vendor": vendor, "product": product, "class": kind, "driver": driver})
        for vendor, product, kind, driver in _pci_functions(root)
        if kind.startswith(_GPU_CLASS)
    ]


def dmi(root: Path, name: str) -> str:
    """A field of the firmware's tables; what a vendor forgot to fill in counts as empty."""
    told = _text(root / "sys/class/dmi/id" / name)
    return "" if told.lower() in _PLACEHOLDERS else told


def read(root: Path, features: Callable[[str], list[str]]) -> tink_pb2.AgentAttributes:
    """All of it. `features`: what a network interface has switched on, by its name."""
    return tink_pb2.AgentAttributes(
        cpu=cpu(root),
        memory=memory(root),
        block=block(root),
        network=network(root, features),
        pci=pci(root),
        gpu=gpu(root),
        chassis=tink_pb2.Chassis(serial=dmi(root, "chassis_serial"), vendor=dmi(root, "chassis_vendor")),
        bios=tink_pb2.BIOS(
            vendor=dmi(root, "bios_vendor"),
            version=dmi(root, "bios_version"),
            release_date=dmi(root, "bios_date"),
        ),
        baseboard=tink_pb2.Baseboard(
            vendor=dmi(root, "board_vendor"),
            product=dmi(root, "board_name"),
            version=dmi(root, "board_version"),
            serial_number=dmi(root, "board_serial"),
        ),
        product=tink_pb2.Product(
            name=dmi(root, "product_name"),
            vendor=dmi(root, "sys_vendor"),
            serial_number=dmi(root, "product_serial"),
        ),
    )
