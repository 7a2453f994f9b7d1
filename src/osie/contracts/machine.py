"""A machine as the netboot service and the workflow engine both see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

# What a machine that came to iPXE is answered.
Kind = Literal["install", "disk", "unknown", "custom", "error", "stopped"]
STARTS_OSIE: Final = frozenset[Kind]({"install", "custom"})
HOLDS: Final = frozenset[Kind]({"unknown", "error", "stopped"})  # it stays at iPXE, and asks again


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


@dataclass(frozen=True)
class Netboot:
    """A machine has come to iPXE and asks what to do."""

    mac: str  # as contracts.mac.normalise writes it
    address: str  # from which it asks
    facts: Mapping[str, str]  # what it says of itself: uuid, serial, platform, arch
    asked: int = 0  # how often before, since it started


class Answer(Protocol):
    """What the machine is answered."""

    @property
    def kind(self) -> Kind:
        """What it is told to do."""
