"""What a Hardware says for DHCP: what can't be meant is refused, what can't be told is noted."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence

from osie.contracts import dhcp
from osie.tink.domain.hardware import Dhcp, HardwareSpec, Ip

# Upstream's pattern: one number up to 4096, or several.
_VLANS = re.compile(r"[0-9]{1,4}(,[0-9]{1,4})*")


def faults(spec: HardwareSpec) -> list[tuple[str, str]]:
    """(PATH, SENTENCE) for each value that can't be meant."""
    return _placed(spec, (_impossible,))


def notes(spec: HardwareSpec) -> list[str]:
    """PATH: SENTENCE for each value that DHCP can't tell the machine, or tells otherwise than written."""
    return [f"{path}: {sentence}" for path, sentence in _placed(spec, (_of_ip, _of_lists, _of_rest))]


def _placed(
    spec: HardwareSpec, rules: Sequence[Callable[[Dhcp], Iterator[tuple[str, str]]]]
) -> list[tuple[str, str]]:
    return [
        (f"spec.interfaces[{number}].dhcp.{place}", sentence)
        for number, interface in enumerate(spec.interfaces)
        if interface.dhcp is not None
        for rule in rules
        for place, sentence in rule(interface.dhcp)
    ]


def _impossible(told: Dhcp) -> Iterator[tuple[str, str]]:
    if int(told.mac[:2], 16) & 1:  # IEEE 802's group bit
        yield "mac", f"{told.mac} is a multicast address: no interface can have it"
    if not told.mac.strip("0:"):
        yield "mac", f"{told.mac} is no interface's hardware address"
    ip = told.ip or Ip()
    if ip.address and ipaddress.ip_address(ip.address).version == 4 and not dhcp.address(ip.address):
        yield "ip.address", f"{ip.address} is no address that a machine can have"
    if ip.netmask and not dhcp.netmask(ip.netmask) and not _is_ipv6_netmask(ip.netmask):
        yield "ip.netmask", f"{ip.netmask!r} is no netmask: expected one such as 255.255.255.0"
    if told.vlan_id and not _VLANS.fullmatch(told.vlan_id):
        yield "vlan_id", f"{told.vlan_id!r} is no VLAN: expected a number from 1 to 4094"
    for number, one in enumerate(told.classless_static_routes):
        place = f"classless_static_routes[{number}]"
        try:
            ipaddress.ip_network(one.destination_descriptor)
        except ValueError:
            text = one.destination_descriptor
            yield (
                f"{place}.destination_descriptor",
                f"{text!r} is no network: expected one such as 10.1.0.0/16",
            )
        try:
            ipaddress.ip_address(one.router)
        except ValueError:
            yield f"{place}.router", f"{one.router!r} is no IP address"


def _is_ipv6_netmask(text: str) -> bool:
    try:
        zeros = int(ipaddress.IPv6Address(text)) ^ ((1 << 128) - 1)
    except ValueError:
        return False
    return not zeros & (zeros + 1)


def _of_ip(told: Dhcp) -> Iterator[tuple[str, str]]:
    ip = told.ip
    if ip is None:
        return
    if ip.address and not dhcp.address(ip.address):
        yield "ip.address", f"{ip.address} is not handed out: DHCP here has IPv4 addresses only"
        return
    if ip.netmask and not dhcp.netmask(ip.netmask):
        yield "ip.netmask", f"{ip.netmask} is not told to the machine: it is no netmask of IPv4"
    if ip.gateway and not dhcp.address(ip.gateway):
        yield "ip.gateway", f"{ip.gateway} is not told to the machine: it is no router's IPv4 address"


def _of_lists(told: Dhcp) -> Iterator[tuple[str, str]]:
    for name, texts in (("name_servers", told.name_servers), ("time_servers", told.time_servers)):
        fit = [number for number, text in enumerate(texts) if dhcp.address(text)]
        for number, text in enumerate(texts):
            if number not in fit:
                yield (
                    f"{name}[{number}]",
                    f"{text!r} is not told to the machine: DHCP has IPv4 addresses only",
                )
        if len(fit) > dhcp.MOST_ADDRESSES:
            yield name, f"only the first {dhcp.MOST_ADDRESSES} are told to the machine"
    wanted = [(one.destination_descriptor, one.router) for one in told.classless_static_routes]
    for number, one in enumerate(wanted):
        if dhcp.route(*one) is None:
            yield (
                f"classless_static_routes[{number}]",
                "is not told to the machine: DHCP has IPv4 routes only",
            )
    if sum(dhcp.route(*one) is not None for one in wanted) >= dhcp.MOST_ROUTES:
        yield "classless_static_routes", f"only the first {dhcp.MOST_ROUTES}, with the gateway's, are told"


def _of_rest(told: Dhcp) -> Iterator[tuple[str, str]]:
    if told.hostname and not dhcp.host_name(told.hostname):
        yield (
            "hostname",
            f"{told.hostname!r} is not told to the machine: no host name (letters, digits and '-', RFC 1123)",
        )
    given = dhcp.lease_s(told.lease_time)
    if given != told.lease_time:
        shown = "one without an end" if given == dhcp.FOR_EVER_S else f"one of {given} s"
        yield "lease_time", f"{told.lease_time} s can't be a lease: the machine gets {shown}"
    if told.vlan_id.strip("0") and not dhcp.vlan_id(told.vlan_id):
        yield "vlan_id", f"{told.vlan_id!r} is not one VLAN from 1 to 4094: the machine uses none"
