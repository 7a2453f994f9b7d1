"""An answer to IPv6 router solicitations: there is no router here.

iPXE, though DHCP has answered at once, waits 16 s at each network boot for an IPv6 router (measured; IPv4 and
IPv6 are set up together, and it goes on when both are settled). RFC 4861, 6.2.3: a router lifetime of 0 and
no prefix mean that nobody takes a route or an address from the answer.
"""

import selectors
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from osie.lab.namespace import inside

_SOLICITATION, _ADVERTISEMENT = 133, 134
_ALL_NODES, _ALL_ROUTERS = "ff02::1", "ff02::2"
_HOP_LIMIT = 255  # else it isn't taken: RFC 4861, 6.1.2


def advertisement() -> bytes:
    """The ICMPv6 message; the kernel puts in the checksum."""
    hop_limit, flags, lifetime_s, reachable_ms, retransmit_ms = 64, 0, 0, 0, 0
    return struct.pack(
        "!BBHBBHII", _ADVERTISEMENT, 0, 0, hop_limit, flags, lifetime_s, reachable_ms, retransmit_ms
    )


class NoRouter:
    """Answers on one interface of a namespace, in a thread, until it is closed."""

    def __init__(self, namespace: str, interface: str) -> None:
        self._socket = inside(namespace, lambda: _socket(interface))
        self._wake, self._woken = socket.socketpair()
        self._scope = inside(namespace, lambda: socket.if_nametoindex(interface))
        self._thread = threading.Thread(target=self._answer, name="no-router", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._wake.close()
        self._thread.join()
        self._socket.close()
        self._woken.close()

    def _answer(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                if self._socket.recv(1500)[:1] == bytes([_SOLICITATION]):
                    with suppress(OSError):  # no carrier, no address yet: the machine asks again
                        self._socket.sendto(advertisement(), (_ALL_NODES, 0, 0, self._scope))


def _socket(interface: str) -> socket.socket:
    # With duplicate address detection the bridge couldn't answer for its first seconds.
    Path(f"/proc/sys/net/ipv6/conf/{interface}/accept_dad").write_text("0")
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    index = socket.if_nametoindex(interface)
    group = socket.inet_pton(socket.AF_INET6, _ALL_ROUTERS) + struct.pack("@I", index)
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOP_LIMIT)
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    return raw
