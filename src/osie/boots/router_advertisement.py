"""An empty IPv6 router advertisement, so that iPXE need not wait for one.

iPXE configures IPv4 and IPv6 side by side and goes on when both are settled. Where no IPv6 router answers,
it solicits one for 16 s at every start (measured), though its IPv4 lease was there at once. Our answer says:
here is no router (lifetime 0), no prefix, nothing to ask DHCPv6 for. Other hosts learn nothing from it
(RFC 4861, section 6.2.3), and a real router's advertisements keep their meaning.
"""

import asyncio
import socket
import struct

import structlog

log = structlog.get_logger(__name__)

_SOLICITATION, _ADVERTISEMENT = 133, 134
_ALL_NODES, _ALL_ROUTERS = "ff02::1", "ff02::2"
_ICMP6_FILTER = 1  # include/uapi/linux/icmpv6.h; a set bit blocks that type


def render() -> bytes:
    """The advertisement (RFC 4861, section 4.2), every field unspecified; the kernel adds the checksum."""
    return struct.pack("!BBHBBHII", _ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0)


def _listen(interface: str) -> socket.socket:
    index = socket.if_nametoindex(interface)
    peer = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        # A lower hop limit is taken for one from outside, and dropped (RFC 4861, section 6.1.2).
        peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        blocked = [0xFFFFFFFF] * 8
        blocked[_SOLICITATION >> 5] &= ~(1 << (_SOLICITATION & 31))
        peer.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
        group = socket.inet_pton(socket.AF_INET6, _ALL_ROUTERS) + struct.pack("=I", index)
        peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    except OSError:
        peer.close()
        raise
    return peer


class Advertiser:
    """Answers every router solicitation on `interface` while the context lasts, where the host has IPv6."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._peer: socket.socket | None = None
        self._answering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Advertiser":
        try:
            self._peer = _listen(self._interface)
        except OSError as error:  # a host without IPv6: iPXE is slower then, and works
            log.warning("no_router_advertisements", interface=self._interface, reason=str(error))
            return self
        self._answering = asyncio.create_task(self._answer(self._peer), name="boots router advertisements")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        if self._peer is not None:
            self._peer.close()

    async def _answer(self, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        scope = socket.if_nametoindex(self._interface)
        while True:
            try:
                await loop.sock_recvfrom(peer, 2048)
                peer.sendto(render(), (_ALL_NODES, 0, 0, scope))
            except OSError as error:  # our own address may not be settled yet; iPXE asks again
                log.debug("router_advertisement_failed", reason=str(error))
                await asyncio.sleep(0.1)  # a lasting error must not spin
