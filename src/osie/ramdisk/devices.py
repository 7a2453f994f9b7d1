"""The file systems that the kernel and the engine need, and udev, which loads drivers and names disks."""

import os
from pathlib import Path
from typing import NamedTuple

from osie.core.errors import OsieError
from osie.core.process import ProcessError, run
from osie.ramdisk import storage
from osie.ramdisk.machine import meminfo_mib
from osie.ramdisk.program import STORAGE
from osie.ramdisk.report import Facts

_SETTLE_S = 30
# Hundreds of devices that have neither drivers to load nor names to get: replaying them only costs time
_NOTHING_TO_DO = ("tty", "vc", "mem", "bdi", "workqueue", "msr", "cpuid", "memory", "vtconsole")
_SHARE = 10  # percent of the memory, for each file system in memory; /init gives the root's own layer as much


class Mount(NamedTuple):
    """One file system to mount."""

    target: str
    type: str
    options: str = ""


def wanted(*, efi: bool, storage_mib: int) -> list[Mount]:
    """What must be mounted, in order. The outer initramfs mounted /proc, /sys and /dev already.

    Whatever is written in memory has a bound, and all of them together leave room for what runs.
    """
    mounts = [
        Mount("/proc", "proc", "nosuid,nodev,noexec"),
        Mount("/sys", "sysfs", "nosuid,nodev,noexec"),
        Mount("/dev", "devtmpfs", "nosuid,mode=0755"),
        Mount("/dev/pts", "devpts", "nosuid,noexec,gid=5,mode=0620,ptmxmode=0666"),
        Mount("/dev/shm", "tmpfs", f"nosuid,nodev,mode=1777,size={_SHARE}%"),  # noqa: S108 - its only place
        Mount("/run", "tmpfs", f"nosuid,nodev,mode=0755,size={_SHARE}%"),
        Mount("/sys/fs/cgroup", "cgroup2", "nosuid,nodev,noexec"),
        Mount(str(STORAGE), "tmpfs", f"mode=0710,size={storage_mib}m"),
    ]
    return [*mounts, Mount("/sys/firmware/efi/efivars", "efivarfs", "nosuid,nodev,noexec")] if efi else mounts


def mounted(mountinfo: str) -> set[str]:
    """The mount points in /proc/self/mountinfo (proc(5): the fifth field)."""
    return {fields[4] for fields in map(str.split, mountinfo.splitlines()) if len(fields) > 4}


def mount() -> None:
    """Mount what isn't mounted yet."""
    there = mounted(Path("/proc/self/mountinfo").read_text())
    storage_mib = storage.limit_mib(meminfo_mib(Path("/proc/meminfo").read_text()))
    for each in wanted(efi=Path("/sys/firmware/efi").is_dir(), storage_mib=storage_mib):
        if each.target in there:
            continue
        Path(each.target).mkdir(parents=True, exist_ok=True)
        options = ["-o", each.options] if each.options else []
        try:
            run(["mount", "-t", each.type, *options, each.type, each.target])
        except ProcessError as error:
            if each.type != "efivarfs":  # some firmware has none; only boot entries need it
                raise OsieError(f"{each.target} can't be mounted") from error
    for folder in ("/run/osie", "/worker", "/var/log", "/var/run", "/tmp"):  # noqa: S108 - the machine's own
        Path(folder).mkdir(parents=True, exist_ok=True)
    Path("/tmp").chmod(0o1777)  # noqa: S108


def start_udev() -> None:
    """Start udevd where it isn't running: from now on it names, and finds drivers for, whatever turns up."""
    if not Path("/run/udev/control").exists():
        run(["/usr/lib/systemd/systemd-udevd", "--daemon"])


def settle(facts: Facts) -> None:
    """Have udev look at what the kernel found before it ran; return when all is named."""
    run(["udevadm", "trigger", "--type=subsystems", "--action=add"])
    without = [f"--subsystem-nomatch={name}" for name in _NOTHING_TO_DO]
    run(["udevadm", "trigger", "--type=devices", "--action=add", *without])
    settled = run(["udevadm", "settle", f"--timeout={_SETTLE_S}"], check=False)
    if settled.returncode != 0:  # a slow controller: what is there by now is used, the rest may still come
        facts["unsettled_after_s"] = _SETTLE_S
    facts["disks"] = len(disks())


def disks(block: Path = Path("/sys/block")) -> list[str]:
    """The disks by kernel name: block devices that stand for hardware."""
    try:
        names = sorted(os.listdir(block))  # noqa: PTH208 - names are wanted
    except OSError:
        return []
    return [name for name in names if (block / name / "device").exists()]
