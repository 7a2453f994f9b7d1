"""What DHCP can tell a machine, in the form in which it can: RFC 2131, 2132 and 3442. Pure.

Who admits a Hardware says by these what of it can't be told; who writes the DHCP server's files writes what
they return. None raises: what can't be told is empty.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence

FOR_EVER_S = 0xFFFFFFFF  # a lease without an end (RFC 2131, 3.3); the field has 32 bits (RFC 2132, 9.2)
SHORTEST_LEASE_S = 120  # dnsmasq's: shorter ones confuse clients
# A client that says nothing else takes 312 bytes of options (RFC 2131, 2), in all.
MOST_ADDRESSES = 8
MOST_ROUTES = 12
_LAST_VLAN = 4094  # 0 is no VLAN, 4095 is reserved (IEEE 802.1Q, 9.6)

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


def host_name(text: str) -> str:
    """`text` without a final dot if it is a host name (RFC 1123, 2.1), else empty."""
    name = text.removesuffix(".")
    return name if len(name) <= 253 and _HOST_NAME.fullmatch(name) else ""


def address(text: str) -> str:
    """`text` if it is an IPv4 address that a machine can have, else empty."""
    try:
        found = ipaddress.IPv4Address(text)
    except ValueError:
        return ""
    # 0.0.0.0/8 and 240.0.0.0/4 with the broadcast address, multicast, loopback: none is a host's.
    usable = not (found.is_multicast or found.is_loopback or found.is_reserved or int(found) < 1 << 24)
    return str(found) if usable else ""


def addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Those of `texts` that are IPv4 addresses; the first MOST_ADDRESSES."""
    return tuple(found for found in map(address, texts) if found)[:MOST_ADDRESSES]


def netmask(text: str) -> str:
    """`text` if it is an IPv4 netmask with one to 32 leading ones, such as 255.255.255.0, else empty."""
    try:
        bits = int(ipaddress.IPv4Address(text))
    except ValueError:
        return ""
    zeros = bits ^ 0xFFFFFFFF
    return text if bits and not zeros & (zeros + 1) else ""


def lease_s(seconds: int) -> int:
    """The lease that is given where `seconds` are asked for; 0 stays 0, the server's default."""
    return min(max(seconds, SHORTEST_LEASE_S), FOR_EVER_S) if seconds > 0 else 0


def vlan_id(text: str) -> str:
    """`text` as a number if it is one VLAN's, from 1 to 4094, else empty."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return str(number) if 0 < number <= _LAST_VLAN else ""


def route(destination: str, router: str) -> tuple[str, str] | None:
    """The network and the router of a static route, or None where it is none."""
    try:
        network = ipaddress.IPv4Network(destination)
    except ValueError:
        return None
    # A router of 0.0.0.0 means that the network is on the link (RFC 3442).
    through = router if router == "0.0.0.0" else address(router)
    return (str(network), through) if through else None


def routes(wanted: Iterable[tuple[str, str]], gateway: str) -> tuple[tuple[str, str], ...]:
    """Those of the static routes that can be told, for option 121; at most MOST_ROUTES.

    Who is told option 121 takes no router from option 3 (RFC 3442), so the gateway is one of the routes, too.
    """
    found: Sequence[tuple[str, str]] = [r for r in (route(*one) for one in wanted) if r is not None]
    if found and address(gateway) and not any(network == "0.0.0.0/0" for network, _ in found):
        found = [("0.0.0.0/0", gateway), *found]
    return tuple(found[:MOST_ROUTES])
