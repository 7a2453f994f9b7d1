"""How a machine is addressed: read from `ipam=`, `ip=` or a DHCP lease, told as commands and files.

All of it is pure; `network` runs the commands.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from osie.contracts import mac
from osie.core.errors import OsieError


class Addressing(NamedTuple):
    """One interface's IPv4 configuration; empty where nothing was told."""

    address: str  # 10.0.0.5/24
    gateway: str = ""
    name_servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    hostname: str = ""
    mtu: int = 0  # 0: as it is
    routes: tuple[tuple[str, str], ...] = ()  # (10.1.0.0/16, router), RFC 3442
    server: str = ""  # who gave the lease


class Static(NamedTuple):
    """What the kernel parameters fix: the interface, and its addressing where it is complete."""

    mac: str = ""
    interface: str = ""
    vlan_id: str = ""
    addressing: Addressing | None = None  # None: by DHCP
    warning: str = ""  # what was given and can't be followed


_AUTOCONF = {"", "off", "none", "on", "any", "dhcp", "bootp", "rarp", "both"}
_NAME = re.compile(r"[A-Za-z0-9._-]+")  # of a host or a domain; some that are in use have a '_'
_HOSTNAME_BYTES = 64  # __NEW_UTS_LEN, include/uapi/linux/utsname.h


def _list(text: str, separator: str | None = ",") -> tuple[str, ...]:
    return tuple(item for item in text.split(separator) if item)


def _interface_address(address: str, netmask: str) -> str:
    """`ADDRESS/PREFIX`; without a netmask the old classes decide, as the kernel's ip= does."""
    if not netmask:
        first = int(address.partition(".")[0])
        netmask = "255.0.0.0" if first < 128 else "255.255.0.0" if first < 192 else "255.255.255.0"
    return str(ipaddress.IPv4Interface(f"{address}/{netmask}"))


def parse_ipam(text: str) -> Static:
    """`MAC:vlan:ip:netmask:gateway:hostname:dns,..:search,..:ntp,..`; a field may be empty.

    Raises OsieError where it can't be understood.
    """
    fields = [*text.split(":"), *[""] * 9][:9]
    hardware, vlan, address, netmask, gateway, hostname, dns, search, ntp = fields
    try:
        return Static(
            mac=mac.normalise(hardware) if hardware else "",
            vlan_id=str(int(vlan)) if vlan else "",
            addressing=Addressing(
                address=_interface_address(address, netmask),
                gateway=str(ipaddress.IPv4Address(gateway)) if gateway else "",
                name_servers=_list(dns),
                search=_list(search),
                time_servers=_list(ntp),
                hostname=hostname,
            )
            if address
            else None,
        )
    except ValueError as error:
        raise OsieError(
            f"the kernel parameter ipam={text} can't be understood: {error}",
            hint="it is MAC-with-hyphens:vlan:ip:netmask:gateway:hostname:dns,..:search,..:ntp,..",
        ) from error


def parse_ip(text: str) -> Static:
    """The kernel's own `ip=` (Documentation/admin-guide/nfs/nfsroot.rst), IPv4.

    `client:server:gateway:netmask:hostname:device:autoconf:dns0:dns1:ntp0`, where the end may lack, or just
    the autoconf word. Other programs have forms of their own for it (dracut's `ip=eth0:dhcp`): those mean
    DHCP here, with a warning.
    """
    if text in _AUTOCONF:
        return Static()
    fields = [*text.split(":"), *[""] * 10][:10]
    client, server, gateway, netmask, hostname, device, autoconf, *rest = fields
    by_dhcp = autoconf in {"dhcp", "on", "any", "both", "bootp"} or not client
    try:
        addressing = Addressing(
            address=_interface_address(client, netmask) if not by_dhcp else "",
            gateway=str(ipaddress.IPv4Address(gateway)) if gateway else "",
            name_servers=tuple(one for one in rest[:2] if one),
            time_servers=tuple(one for one in rest[2:] if one),
            hostname=hostname,
            server=server,
        )
    except ValueError as error:
        form = "client:server:gateway:netmask:hostname:device:autoconf:dns0:dns1:ntp0, IPv4"
        return Static(warning=f"ip={text} is not {form}: {error}; DHCP it is")
    return Static(interface=device, addressing=None if by_dhcp else addressing)


def parse_lease(told: Mapping[str, str]) -> Addressing:
    """What busybox udhcpc told its script. Raises OsieError where there is no address in it."""
    try:
        routes = told.get("staticroutes", "").split()
        pairs = tuple(zip(routes[::2], routes[1::2], strict=False))
        mtu = told.get("mtu", "")
        return Addressing(
            address=_interface_address(told["ip"], told.get("mask") or told.get("subnet", "")),
            # RFC 3442: with classless routes, the router option must be ignored
            gateway="" if pairs else (told.get("router", "").split() or [""])[0],
            name_servers=_list(told.get("dns", ""), None),
            search=_list(told.get("search", "") or told.get("domain", ""), None),
            time_servers=_list(told.get("ntpsrv", ""), None),
            hostname=told.get("hostname", ""),
            mtu=int(mtu) if mtu.isdecimal() and 576 <= int(mtu) <= 65535 else 0,
            routes=pairs,
            server=told.get("serverid", ""),
        )
    except (KeyError, ValueError) as error:
        raise OsieError("the DHCP server's answer has no usable address") from error


def commands(new: Addressing, interface: str, old: Addressing | None = None) -> list[list[str]]:
    """The command lines that bring the interface from the old addressing to the new; repeatable."""
    lines = [["ip", "addr", "replace", new.address, "brd", "+", "dev", interface]]
    if old is not None and old.address != new.address:
        lines.append(["ip", "addr", "del", old.address, "dev", interface])
    network = ipaddress.IPv4Interface(new.address).network
    default = [("default", new.gateway)] if new.gateway else []
    for target, router in [*new.routes, *default]:
        name = "default" if target == "0.0.0.0/0" else target
        if router == "0.0.0.0":
            lines.append(["ip", "route", "replace", name, "dev", interface])
            continue
        if ipaddress.IPv4Address(router) not in network:  # a router of another network: reached directly
            lines.append(["ip", "route", "replace", router, "dev", interface, "scope", "link"])
        lines.append(["ip", "route", "replace", name, "via", router, "dev", interface])
    return lines


def mtu_command(mtu: int, interface: str) -> list[str]:
    """What sets the MTU. Not one of `commands`: the interface may refuse it, and works all the same."""
    return ["ip", "link", "set", "dev", interface, "mtu", str(mtu)]


def fitting(hostname: str) -> str:
    """The hostname, or as much of it as the kernel takes: cut before a dot where there is one."""
    encoded = hostname.encode()
    if len(encoded) <= _HOSTNAME_BYTES:
        return hostname
    whole, dot, _ = encoded[: _HOSTNAME_BYTES + 1].rpartition(b".")
    return (whole if dot and whole else encoded[:_HOSTNAME_BYTES]).decode(errors="ignore")


def resolv_conf(name_servers: Sequence[str], search: Sequence[str]) -> str:
    """/etc/resolv.conf. Short timeouts: a name server that is away must not look like a hang."""
    domains = [domain for domain in search if _NAME.fullmatch(domain)]
    lines = [f"search {' '.join(domains)}"] if domains else []
    lines += [f"nameserver {server}" for server in name_servers if _is_address(server)]
    return "".join(f"{text}\n" for text in [*lines, "options timeout:2 attempts:2"])


def hosts(hostname: str, address: str) -> str:
    """/etc/hosts. What is no name stays the kernel's host name alone: here a blank would make two of it."""
    own = f"{address.partition('/')[0]} {hostname}\n" if _NAME.fullmatch(hostname) else ""
    return f"127.0.0.1 localhost\n::1 localhost\n{own}"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text.isprintable() and " " not in text  # after an IPv6 address's % anything goes
