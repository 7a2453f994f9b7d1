"""Who has which address: reservations, and what dnsmasq was seen to hand out. Kept in memory."""

from collections.abc import Iterable
from pathlib import Path

from osie.contracts import mac as macs
from osie.contracts.machine import Machine

_MOST_LEASES = 65536  # a flood of invented addresses must not fill the memory


class Leases:
    """From an IPv4 address to the MAC behind it."""

    def __init__(self) -> None:
        self._reserved: dict[str, str] = {}
        self._leased: dict[str, str] = {}
        self._known: dict[str, Machine] = {}

    def reserve(self, machines: Iterable[Machine]) -> list[tuple[str, str]]:
        """Take the reservations anew. Returns, and forgets, the leases in their way: (MAC, address)."""
        listed = list(machines)
        self._known = {m.mac: m for m in listed}
        self._reserved = {}
        for machine in listed:
            if machine.address:
                self._reserved.setdefault(machine.address, machine.mac)  # the first keeps it, as in DHCP
        stale = [
            (mac, address) for address, mac in self._leased.items() if self._reserved.get(address, mac) != mac
        ]
        for _, address in stale:
            del self._leased[address]
        return stale

    def saw(self, mac: str, address: str) -> None:
        """Note that `mac` was given `address`."""
        self._leased.pop(address, None)
        while len(self._leased) >= _MOST_LEASES:
            del self._leased[next(iter(self._leased))]
        self._leased[address] = mac

    def known(self, mac: str) -> Machine | None:
        """The machine with this MAC, among those of the last `reserve`."""
        return self._known.get(mac)

    def mac_of(self, address: str) -> str | None:
        """Whose address this is: a lease is evidence, a reservation a plan; the evidence goes first."""
        return self._leased.get(address) or self._reserved.get(address)

    def read(self, leasefile: Path) -> None:
        """Take over dnsmasq's own record, so that our restart forgets nobody.

        Each line is "expiry mac address hostname client-id"; lines of DHCPv6 and others are passed over.
        """
        try:
            text = leasefile.read_text(errors="replace")
        except FileNotFoundError:
            return
        for line in text.splitlines():
            match line.split():
                case [_, mac, address, _, _]:
                    try:
                        self.saw(macs.normalise(mac), address)
                    except ValueError:
                        continue
