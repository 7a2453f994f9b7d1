"""What we read of a Hardware's spec. Keys that we don't read are kept in the stored text and not refused.

What is stored is read by these models, too: what later proves to be no value is refused where files are
admitted (dhcp_values), not here, so that an older Hardware can't stop the others from being read.
"""

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from osie.contracts import mac


def _address(text: str) -> str:
    if text:
        ipaddress.ip_address(text)
    return text


def printable(text: str) -> str:
    """An agent's id, if it can be one: databases and log lines have to hold it."""
    if not text.isprintable():
        raise ValueError("an agent's id has printable characters only")
    return text


def _absent_list(value: object) -> object:
    return () if value is None else value


def _scalar(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Mac = Annotated[str, AfterValidator(mac.normalise)]
Address = Annotated[str, AfterValidator(_address)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_absent_list)]


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Ip(_Open):
    """The address that the interface gets."""

    address: Address = ""
    netmask: str = ""
    gateway: Address = ""
    family: int = 0


class Route(_Open):
    """A static route that DHCP tells (option 121)."""

    destination_descriptor: str = ""
    router: str = ""


class Dhcp(_Open):
    """What DHCP tells the interface with this hardware address."""

    mac: Mac
    hostname: str = ""
    lease_time: int = Field(default=0, ge=0)  # seconds; 0: the server's default
    name_servers: Texts = ()
    time_servers: Texts = ()
    arch: str = ""
    uefi: bool = False
    iface_name: str = ""
    ip: Ip | None = None
    vlan_id: Annotated[str, BeforeValidator(_scalar)] = ""
    classless_static_routes: Annotated[tuple[Route, ...], BeforeValidator(_absent_list)] = ()


class Ipxe(_Open):
    """A script of the operator's own, by URL or as text."""

    url: str = ""
    contents: str = ""
    binary: str = ""


class Osie(_Open):
    """Where this machine's kernel and ramdisk come from, when not from us."""

    baseURL: str = ""
    kernel: str = ""
    initrd: str = ""
    kernelParams: Texts = ()


class Netboot(_Open):
    """Whether, and into what, the interface may netboot."""

    allowPXE: bool | None = None
    allowWorkflow: bool | None = None
    ipxe: Ipxe | None = None
    osie: Osie | None = None


class Interface(_Open):
    """One network interface."""

    dhcp: Dhcp | None = None
    netboot: Netboot | None = None
    disableDhcp: bool = False


class Disk(_Open):
    """One disk, by the name that actions use."""

    device: str = ""


class HardwareSpec(_Open):
    """One machine."""

    agentID: Annotated[str, Field(max_length=253), AfterValidator(printable)] = ""
    disks: Annotated[tuple[Disk, ...], BeforeValidator(_absent_list)] = ()
    interfaces: Annotated[tuple[Interface, ...], BeforeValidator(_absent_list)] = ()
    metadata: dict[str, Any] | None = None
    userData: str | None = None
    vendorData: str | None = None


def canonical_agent(text: str) -> str:
    """An agent's id in the form that we compare: hardware addresses normalised, other ids as they are."""
    try:
        return mac.normalise(text)
    except ValueError:
        return text.strip()


def canonical_address(text: str) -> str:
    """An IP address in the form that we compare: IPv6 has several spellings of one."""
    return str(ipaddress.ip_address(text))


def macs(spec: HardwareSpec) -> tuple[str, ...]:
    """The machine's hardware addresses, in the order of its interfaces."""
    return tuple(interface.dhcp.mac for interface in spec.interfaces if interface.dhcp)


def agents(spec: HardwareSpec) -> tuple[str, ...]:
    """Every id under which the machine's worker may ask: its agentID, and its hardware addresses."""
    named = (canonical_agent(spec.agentID),) if spec.agentID.strip() else ()
    return tuple(dict.fromkeys(named + macs(spec)))


def may_work(spec: HardwareSpec) -> bool:
    """False where the operator closed every interface that netboots with allowWorkflow: false."""
    told = [i.netboot.allowWorkflow for i in spec.interfaces if i.netboot is not None]
    return not told or any(allowed is not False for allowed in told)


def addresses(spec: HardwareSpec) -> tuple[str, ...]:
    """The IP addresses reserved for the machine."""
    found = (i.dhcp.ip.address for i in spec.interfaces if i.dhcp and i.dhcp.ip and i.dhcp.ip.address)
    return tuple(canonical_address(text) for text in found)


def identities(spec: HardwareSpec) -> list[tuple[str, str]]:
    """What only one Hardware may have: ("agent" | "address", value)."""
    return [
        *(("agent", agent) for agent in agents(spec)),
        *(("address", a) for a in dict.fromkeys(addresses(spec))),
    ]
