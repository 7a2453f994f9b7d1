"""Where tink becomes the `Machines` that boots knows: the one place that sees both rooms."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from osie.boots.machine import Machine
from osie.tink.domain.netboot import NetbootInterface
from osie.tink.service.service import Tink


def machine(interface: NetbootInterface) -> Machine:
    """tink's record of an interface, as boots' machine: the fields are the same."""
    return Machine(**asdict(interface))


class TinkMachines:
    """boots.machine.Machines, kept by tink."""

    def __init__(self, tink: Tink) -> None:
        self._tink = tink

    async def find(self, mac: str) -> Machine | None:
        """The machine with this interface, if it is known."""
        found = await self._tink.machines.find(mac)
        return None if found is None else machine(found)

    async def every(self) -> Sequence[Machine]:
        """All known interfaces."""
        return [machine(interface) for interface in await self._tink.machines.every()]

    async def record(self, mac: str, event: str, fields: Mapping[str, object]) -> None:
        """Put an event into the machine's journal."""
        await self._tink.record_machine_event(mac, event, fields)

    async def booted(self, mac: str) -> None:
        """The machine started anew."""
        await self._tink.machine_booted(mac)

    async def log(self, mac: str, line: str) -> None:
        """Keep a line that the machine sent to syslog."""
        self._tink.machines.log(mac, line)
