"""A DHCPRELEASE in a machine's name, which frees its address for the machine that is to have it now.

dnsmasq leaves an address with whom it was leased to until that lease ends, whatever its reservations say: two
hours by default, in which a machine with a new network card would have none.
"""

import ipaddress
import socket
import struct

from osie.boots.config import BootsConfig

_BOOTREQUEST, _ETHERNET, _MAC_BYTES = 1, 1, 6
_COOKIE = bytes((99, 130, 83, 99))  # what options begin with (RFC 2131, 3)
_MESSAGE_TYPE, _RELEASE, _SERVER_ID, _END = 53, 7, 54, 255  # RFC 2132, 9.6 and 9.7
_SHORTEST = 300  # bytes that every DHCP server takes (RFC 951, 3)


def packet(mac: str, address: str, server: str) -> bytes:
    """The message by which `mac` gives `address` back to `server` (RFC 2131, 4.4.6)."""
    head = struct.pack(
        "!BBBBIHH4s4s4s4s16s192x",
        *(_BOOTREQUEST, _ETHERNET, _MAC_BYTES, 0, 0, 0, 0),
        *(ipaddress.IPv4Address(address).packed, bytes(4), bytes(4), bytes(4)),
        bytes.fromhex(mac.replace(":", "")),
    )
    server_id = ipaddress.IPv4Address(server).packed
    options = bytes((_MESSAGE_TYPE, 1, _RELEASE, _SERVER_ID, 4)) + server_id + bytes((_END,))
    return (head + _COOKIE + options).ljust(_SHORTEST, b"\0")


def send(config: BootsConfig, mac: str, address: str) -> None:
    """Tell our dnsmasq that `mac` gives `address` back. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        # So the kernel hands it to dnsmasq as if it came from there, though it never leaves the host.
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, config.interface.encode() + b"\0")
        sender.sendto(packet(mac, address, config.address), (config.address, 67))
