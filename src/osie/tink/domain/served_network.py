"""The network that this server's DHCP serves, and which of a Hardware's addresses it can't hand out there.

Upstream answers for any address, so one outside is a warning: another server may look after that network.
What no machine can have here is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from osie.contracts import dhcp
from osie.tink.domain.hardware import HardwareSpec

_ANOTHERS = "or set disableDhcp: true where another DHCP server answers"
_OWN = "or set disableDhcp: true where this is the server itself"


@dataclass(frozen=True)
class ServedNetwork:
    """What is known of it."""

    server: IPv4Interface  # the server's address, and its network's size
    dynamic_range: tuple[IPv4Address, IPv4Address] | None = None  # for machines that no Hardware names

    def faults(self, spec: HardwareSpec) -> list[tuple[str, str]]:
        """(PATH, SENTENCE) for each address that no machine can have."""
        return [(path, why) for path, mac, address in _asked(spec) for why in self._impossible(mac, address)]

    def notes(self, spec: HardwareSpec) -> list[str]:
        """PATH: SENTENCE for each address that its machine doesn't get, or that another may have."""
        return [
            f"{path}: {why}" for path, mac, address in _asked(spec) for why in self._doubtful(mac, address)
        ]

    def _impossible(self, mac: str, address: IPv4Address) -> Iterator[str]:
        network = self.server.network
        if address == self.server.ip:
            yield f"{address} is this server's own in {network}: choose another one for {mac}, {_OWN}"
        elif network.prefixlen > 30:  # RFC 3021: such a network has addresses of machines only
            return
        elif address == network.network_address:
            yield f"{address} is the address of the network {network} itself: choose another one for {mac}"
        elif address == network.broadcast_address:
            yield f"{address} is the broadcast address of {network}: choose another one for {mac}"

    def _doubtful(self, mac: str, address: IPv4Address) -> Iterator[str]:
        network = self.server.network
        if address not in network:
            yield (
                f"{address} is not handed out to {mac}: it is outside {network}, this server's network; "
                f"choose one of that, {_ANOTHERS}"
            )
        elif self.dynamic_range and self.dynamic_range[0] <= address <= self.dynamic_range[1]:
            first, last = self.dynamic_range
            yield (
                f"{address} of {mac} is in dynamic_range, {first} to {last} of {network}: a machine that no "
                "Hardware names may be using it; choose one outside that range"
            )


def _asked(spec: HardwareSpec) -> Iterator[tuple[str, str, IPv4Address]]:
    """Path, hardware address and IPv4 address of each interface that is to get one from this server."""
    for number, interface in enumerate(spec.interfaces):
        told = interface.dhcp
        if told is None or told.ip is None or interface.disableDhcp:
            continue
        if address := dhcp.address(told.ip.address):
            yield f"spec.interfaces[{number}].dhcp.ip.address", told.mac, IPv4Address(address)
