"""Network interfaces: what the kernel tells about them, and which one the machine was booted from."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from osie.contracts import mac

_ETHERNET = "1"  # ARPHRD_ETHER, if_arp.h
_RTMGRP_LINK = 1  # rtnetlink(7)
_NETLINK_KOBJECT_UEVENT = 15  # linux/netlink.h
_UDEV_GROUP = 2  # MONITOR_GROUP_UDEV, systemd's src/libsystemd/sd-device/device-monitor-private.h


class Nic(NamedTuple):
    """A physical interface."""

    name: str
    mac: str
    driver: str
    bus_id: str  # 0000:00:03.0, or what its bus calls it
    hardware_id: str  # PCI vendor:device, 8086:100e; empty on other buses
    up: bool
    carrier: bool
    named: bool  # udev is done with it: it won't be renamed any more

    def describe(self) -> str:
        """For a person who stands before the machine."""
        pci = f" ({self.hardware_id})" if self.hardware_id else ""
        link = "has a link" if self.carrier else "no link"
        return f"{self.name} {self.mac}, driver {self.driver or 'none'}, at {self.bus_id}{pci}, {link}"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # carrier can't be read while the interface is down: EINVAL
        return ""


def _read(folder: Path, udev_data: Path) -> Nic | None:
    device = folder / "device"
    if _text(folder / "type") != _ETHERNET or not device.exists():
        return None
    try:
        address = mac.normalise(_text(folder / "address"))
    except ValueError:
        return None
    resolved = device.resolve()
    # virtio's own bus lies between the interface and the PCI device
    pci = next(
        (
            place
            for place in (resolved, resolved.parent)
            if (place / "vendor").exists() and (place / "class").exists()
        ),
        None,
    )
    driver = device / "driver"
    return Nic(
        name=folder.name,
        mac=address,
        driver=driver.resolve().name if driver.exists() else "",
        bus_id=(pci or resolved).name,
        hardware_id=f"{_text(pci / 'vendor')[2:]}:{_text(pci / 'device')[2:]}" if pci else "",
        up=bool(int(_text(folder / "flags") or "0", 16) & 1),  # IFF_UP
        carrier=_text(folder / "carrier") == "1",
        named=_is_named(folder.name, udev_data / f"n{_text(folder / 'ifindex')}"),
    )


def _is_named(name: str, entry: Path) -> bool:
    """Whether udev is done with the interface and gave it this name, by udev's own entry on it.

    The entry is there before the new name is, and at first it may have nothing but a note that one will be
    given, which goes when the kernel has told of it (systemd, src/udev/udev-event.c).
    """
    told = _text(entry).splitlines()
    if "E:ID_RENAMING=1" in told:
        return False
    wanted = next((line.partition("=")[2] for line in told if line.startswith("E:ID_NET_NAME=")), name)
    return bool(told) and wanted == name


def physical(
    sys_class_net: Path = Path("/sys/class/net"), udev_data: Path = Path("/run/udev/data")
) -> list[Nic]:
    """All physical interfaces, by name."""
    found = (_read(folder, udev_data) for folder in sorted(sys_class_net.iterdir()))
    return [nic for nic in found if nic is not None]


def candidates(nics: Sequence[Nic], *, interface: str, address: str) -> list[Nic]:
    """The interfaces to try, in order: the one asked for; without a wish, all, those with a link first.

    Where the one asked for isn't there, the list is empty: another might be cabled to another network.
    """
    if interface:
        return [nic for nic in nics if nic.name == interface]
    if address:
        return [nic for nic in nics if nic.mac == address]
    return sorted(nics, key=lambda nic: (not nic.carrier, nic.name))


class Announcements:
    """Becomes readable when a netlink group tells something; what it was, the caller reads elsewhere."""

    def __init__(self, protocol: int, group: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._socket.bind((0, group))
        self._socket.setblocking(False)

    @classmethod
    def of_links(cls) -> "Announcements":
        """The kernel's, of changes of any link."""
        return cls(socket.NETLINK_ROUTE, _RTMGRP_LINK)

    @classmethod
    def of_udev(cls) -> "Announcements":
        """udev's, of devices that it is done with."""
        return cls(_NETLINK_KOBJECT_UEVENT, _UDEV_GROUP)

    def fileno(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Take in all that was told."""
        try:
            while self._socket.recv(65536):
                pass
        except OSError:  # EAGAIN: empty; ENOBUFS: some were lost, which is as good as told
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def linked(names: Sequence[str], sys_class_net: Path = Path("/sys/class/net")) -> str:
    """The first of the interfaces that has a link; empty where none has."""
    return next((name for name in names if _text(sys_class_net / name / "carrier") == "1"), "")


def driverless(sys_bus_pci: Path = Path("/sys/bus/pci/devices")) -> list[str]:
    """Network controllers on the PCI bus that no driver took: `0000:01:00.0 (15b3:1017)`."""
    found = []
    for name in sorted(os.listdir(sys_bus_pci)) if sys_bus_pci.is_dir() else ():  # noqa: PTH208
        folder = sys_bus_pci / name
        if _text(folder / "class").startswith("0x02") and not (folder / "driver").exists():
            found.append(f"{name} ({_text(folder / 'vendor')[2:]}:{_text(folder / 'device')[2:]})")
    return found
