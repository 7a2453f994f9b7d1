"""A machine as the netboot service sees it, and the port through which it sees them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Machine:
    """One network interface of a known machine; an empty string stands for what the operator left out."""

    mac: str  # as contracts.mac.normalise writes it
    hostname: str = ""
    address: str = ""  # IPv4; empty: whatever the dynamic range gives
    netmask: str = ""
    gateway: str = ""
    name_servers: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()  # static ones: a network such as 10.1.0.0/16, and its router
    lease_s: int = 0  # 0: the service's default
    agent_id: str = ""  # the worker's identity; empty: the MAC
    allow_pxe: bool = False  # False: its script exits to the disk
    allow_workflow: bool = False  # tink's to heed: the machine boots Osie and is given no work
    ipxe_url: str = ""  # a script elsewhere, taken instead of ours
    ipxe_contents: str = ""  # a script, taken instead of ours
    osie_base_url: str = ""  # where its kernel and ramdisk are; empty: here
    osie_kernel: str = ""  # their names there
    osie_initrd: str = ""
    kernel_parameters: tuple[str, ...] = ()  # each as on a kernel command line: name, name=value
    vlan_id: str = ""
    dhcp: bool = True  # False: DHCP is another server's affair; all else is ours
    stopped: str = ""  # why it isn't booted into Osie any more: it came back too often; empty: it is


class Machines(Protocol):
    """Whoever knows the machines, and keeps what happens to them. `mac` is always in normal form."""

    async def find(self, mac: str) -> Machine | None:
        """The machine with this interface, if it is known."""

    async def every(self) -> Sequence[Machine]:
        """All known interfaces, for DHCP's reservations."""

    async def record(self, mac: str, event: str, fields: Mapping[str, object]) -> None:
        """Put an event into the machine's journal, whether it is known or not."""

    async def booted(self, mac: str) -> None:
        """The machine started anew, or what is installed on it did: a reboot or kexec is done."""

    async def log(self, mac: str, line: str) -> None:
        """Keep a line that the machine sent to syslog."""
