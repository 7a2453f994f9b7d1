"""Clients as firmware has them, step by step: DHCP as any machine on one socket, and TFTP block by block."""

import ipaddress
import itertools
import socket
import struct
import time
from dataclasses import dataclass

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
_COOKIE = bytes((99, 130, 83, 99))
_ASKED_FOR = bytes((1, 3, 6, 12, 15, 42, 51, 121))


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    kind: int
    address: str
    options: dict[int, bytes]

    @property
    def lease_s(self) -> int:
        """The lease."""
        return int.from_bytes(self.options[51], "big")

    @property
    def name(self) -> str:
        """The host name that the machine is told."""
        return self.options.get(12, b"").decode()

    def addresses(self, option: int) -> list[str]:
        """The addresses in an option."""
        value = self.options.get(option, b"")
        return [str(ipaddress.IPv4Address(value[at : at + 4])) for at in range(0, len(value), 4)]


class DhcpClient:
    """Asks by broadcast and wants its answers so, as it has no address (RFC 2131, 4.1)."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        self._socket.bind(("", 68))
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Free the port."""
        self._socket.close()

    def ask(
        self, mac: str, kind: int, *, holds: str = "", wants: str = "", server: str = "", within_s: float = 4
    ) -> Answer | None:
        """Send one message once. None: no answer to it within the time."""
        number = next(self._numbers)
        head = struct.pack(
            "!BBBBIHH4s4s4s4s16s192x",
            *(1, 1, 6, 0, number, 0, 0x8000),
            *(ipaddress.IPv4Address(holds or 0).packed, bytes(4), bytes(4), bytes(4)),
            bytes.fromhex(mac.replace(":", "")),
        )
        options = bytes((53, 1, kind))
        for option, address in ((50, wants), (54, server)):
            if address:
                options += bytes((option, 4)) + ipaddress.IPv4Address(address).packed
        options += bytes((55, len(_ASKED_FOR))) + _ASKED_FOR + b"\xff"
        self._socket.sendto(head + _COOKIE + options, ("255.255.255.255", 67))
        until = time.monotonic() + within_s
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet = self._socket.recv(2048)
            except TimeoutError:
                return None
            if struct.unpack("!I", packet[4:8])[0] == number:
                return _read(packet)
        return None

    def lease(self, mac: str, within_s: float = 10) -> Answer | None:
        """DISCOVER and REQUEST, over again until there is an ACK. None: there is none within the time."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            offer = self.ask(mac, DISCOVER)
            if offer is None or offer.kind != OFFER:
                continue
            server = offer.addresses(54)[0]
            answer = self.ask(mac, REQUEST, wants=offer.address, server=server)
            if answer is not None and answer.kind == ACK:
                return answer
        return None


def _read(packet: bytes) -> Answer:
    options: dict[int, bytes] = {}
    at = 240
    while at < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        length = packet[at + 1]
        options[packet[at]] = options.get(packet[at], b"") + packet[at + 2 : at + 2 + length]
        at += 2 + length
    return Answer(options[53][0], str(ipaddress.IPv4Address(packet[16:20])), options)


class TftpTransfer:
    """Reads a file as slowly as one likes (RFC 1350)."""

    def __init__(self, server: str, name: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(10)
        self._next = b"\0\1" + name.encode() + b"\0octet\0"  # what to send next, and to whom
        self._server = (server, 69)

    def block(self) -> bytes:
        """The next 512 bytes; fewer at the end."""
        self._socket.sendto(self._next, self._server)
        packet, self._server = self._socket.recvfrom(2048)
        assert packet[:2] == b"\0\3", packet
        self._next = b"\0\4" + packet[2:4]
        return packet[4:]

    def close(self) -> None:
        """Free the port."""
        self._socket.close()
