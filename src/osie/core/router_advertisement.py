"""An empty IPv6 router advertisement, so that iPXE need not wait for one.

iPXE configures IPv4 and IPv6 side by side and goes on when both are settled. Where no IPv6 router answers,
it solicits one for 16 s at every start (measured), though its IPv4 lease was there at once. Our answer says:
here is no router (lifetime 0), no prefix, nothing to ask DHCPv6 for. Other hosts learn nothing from it
(RFC 4861, section 6.2.3), and a real router's advertisements keep their meaning.
"""

import socket
import struct

_SOLICITATION, _ADVERTISEMENT = 133, 134
_ALL_NODES, _ALL_ROUTERS = "ff02::1", "ff02::2"
_ICMP6_FILTER = 1  # include/uapi/linux/icmpv6.h; a set bit blocks that type
_HOP_LIMIT = 255  # a lower one is taken for one from outside, and dropped (RFC 4861, section 6.1.2)


def message() -> bytes:
    """Make the advertisement (RFC 4861, 4.2), every field unspecified; the kernel adds the checksum."""
    return struct.pack("!BBHBBHII", _ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0)


def listening(interface: str) -> socket.socket:
    """Open a socket that hears the interface's router solicitations, and nothing else. Raises OSError."""
    index = socket.if_nametoindex(interface)
    peer = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOP_LIMIT)
        blocked = [0xFFFFFFFF] * 8
        blocked[_SOLICITATION >> 5] &= ~(1 << (_SOLICITATION & 31))
        peer.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
        group = socket.inet_pton(socket.AF_INET6, _ALL_ROUTERS) + struct.pack("=I", index)
        peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    except OSError:
        peer.close()
        raise
    return peer


def advertise(peer: socket.socket, index: int) -> None:
    """Tell all nodes behind interface number `index`. Raises OSError, while it has no address yet, say."""
    peer.sendto(message(), (_ALL_NODES, 0, 0, index))
