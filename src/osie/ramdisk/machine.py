"""What the machine is: kernel, memory, maker. For the banner and the status on the console."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_NOT_SAID = {"", "none", "not specified", "to be filled by o.e.m.", "default string", "system product name"}


def meminfo_mib(text: str) -> dict[str, int]:
    """/proc/meminfo in MiB, by name."""
    fields = (row.split() for row in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) // 1024 for row in fields if len(row) >= 2 and row[1].isdecimal()}


class Machine(NamedTuple):
    """The machine as its firmware and kernel tell it."""

    kernel: str
    memory_mib: int
    processors: int
    product: str  # maker and product, or "unknown machine"
    serial: str


def read(root: Path = Path("/")) -> Machine:
    """Ask the kernel and the DMI tables below `root`."""
    dmi = root / "sys/class/dmi/id"
    maker, product, serial = (_said(dmi / name) for name in ("sys_vendor", "product_name", "product_serial"))
    memory = meminfo_mib((root / "proc/meminfo").read_text())
    return Machine(
        kernel=os.uname().release,
        memory_mib=memory.get("MemTotal", 0),
        processors=os.cpu_count() or 1,
        product=" ".join(part for part in (maker, product) if part) or "unknown machine",
        serial=serial or "unknown",
    )


def _said(path: Path) -> str:
    """A DMI field, empty where the maker left it unset."""
    try:
        text = path.read_text(errors="replace").strip()
    except OSError:
        return ""
    return "" if text.lower() in _NOT_SAID else text


def read_bytes(stat: Path = Path("/sys/block/loop0/stat")) -> int:
    """How much of the compressed root was read so far (Documentation/block/stat.rst); /init made it loop0."""
    return int(stat.read_text().split()[2]) * 512


def banner(version: str, machine: Machine) -> list[str]:
    """The first thing a person sees."""
    return [
        "",
        f"Welcome to Osie {version}: the operating system installation environment",
        f"  kernel   {machine.kernel}, {machine.processors} processors, {machine.memory_mib} MiB of memory",
        f"  machine  {machine.product}, serial {machine.serial}",
        "",
    ]


def status(facts: Mapping[str, str]) -> list[str]:
    """The block that stays on the console: who the machine is and what it does."""
    width = max(len(key) for key in facts)
    return ["", *(f"  {key:<{width}}  {value}" for key, value in facts.items()), ""]
