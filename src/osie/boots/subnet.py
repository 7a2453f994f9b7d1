"""The network behind our address: dnsmasq takes its size from the interface, and so do we."""

import fcntl
import socket
import struct
from ipaddress import IPv4Interface

_SIOCGIFADDR, _SIOCGIFNETMASK = 0x8915, 0x891B


def of(interface: str, address: str) -> IPv4Interface | None:
    """`address` with the netmask that it has on the interface; None where it isn't there."""
    wanted = socket.inet_aton(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            found, mask = (
                _asked(asking, number, interface, wanted) for number in (_SIOCGIFADDR, _SIOCGIFNETMASK)
            )
        except OSError:  # there is no such interface, or it has no address
            return None
    # Of an interface that has others only, the kernel tells the first (net/ipv4/devinet.c, devinet_ioctl).
    return IPv4Interface(f"{address}/{socket.inet_ntoa(mask)}") if found == wanted else None


def _asked(asking: socket.socket, number: int, interface: str, address: bytes) -> bytes:
    """What the kernel tells of this address of the interface (netdevice(7))."""
    request = struct.pack("=16sHH4s16x", interface.encode(), socket.AF_INET, 0, address)
    return fcntl.ioctl(asking, number, request)[20:24]
