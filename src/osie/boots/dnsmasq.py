"""What dnsmasq is told and what it says, as values: configuration, reservations, options, log lines. Pure.

dnsmasq(8) is the source for every directive. It splits its values at commas, so a value goes in only after
it is known to be an address or a plain host name.

Whose an option is, is told by the hardware address: the configuration has a tag for each value of each of
its octets, and an option has the six of its machine. A reservation has no tag: dnsmasq before 2.91 frees it
wrongly when it reads its files again, and dies (docs/decisions/0014-options-by-octets.md).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from osie.boots.config import BootsConfig
from osie.contracts import dhcp
from osie.contracts import mac as macs
from osie.contracts.machine import Machine
from osie.core.errors import OsieError

BIOS_LOADER = "undionly.kpxe"
# Client architectures (option 93; IANA's "Processor Architecture Types") -> iPXE's binaries, the best first.
# snponly drives the NIC through the firmware, which knows it: it made the NIC netboot.
LOADERS: tuple[tuple[str, tuple[int, ...], tuple[str, ...]], ...] = (
    ("bios", (0,), (BIOS_LOADER,)),
    ("efi-x64", (7, 9), ("snponly.efi", "ipxe.efi")),
    ("efi-arm64", (11,), ("arm64-efi/snponly.efi", "snponly-arm64.efi", "ipxe-arm64.efi")),
)
# HTTP boot: the firmware fetches the binary by URL -> the tag whose binary it needs.
_HTTP_BOOT = (("http-x64", 16, "efi-x64"), ("http-arm64", 19, "efi-arm64"))

_OWN_MEANING = re.compile(r'[",#\\\x00-\x1f\x7f]')  # in a line of dnsmasq's configuration
_OCTETS = 6  # of a hardware address
# dnsmasq takes the last letter of such a value for a number's width, and drops it (option.c, parse_dhcp_opt).
_LOOKS_LIKE_A_NUMBER = re.compile(r"[0-9]*[bsi]")
STARTED = re.compile(r"dnsmasq(?:\[\d+\])?: started, version")
READ = re.compile(r"dnsmasq-dhcp(?:\[\d+\])?: read .*/options")  # the last of its files
_LOG = re.compile(
    r"dnsmasq-dhcp(?:\[\d+\])?: (?:\d+ )?(?P<what>DHCPACK|DHCPDISCOVER)\((?P<interface>[^)]*)\) "
    r"(?:(?P<address>\d+\.\d+\.\d+\.\d+) )?(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})(?: (?P<rest>.*))?"
)


@dataclass(frozen=True)
class Seen:
    """What a log line says: a machine asks for an address, or was given one."""

    what: Literal["discover", "ack"]
    mac: str
    address: str  # of an ack
    refused: bool = False  # a discover that gets no offer, because there is no address for it


def render(config: BootsConfig, loaders: dict[str, str]) -> str:
    """The configuration file. `loaders` names the binary for each tag of LOADERS that there is one for.

    Raises OsieError where the interface's name or the state folder's would be read as something else.
    """
    for text in (config.interface, str(config.state_dir)):
        if _OWN_MEANING.search(text):
            raise OsieError(
                f"dnsmasq can't be told of {text!r}: it has a control character or one of \" , # in it"
            )
    lines = [
        "port=0",  # no DNS
        "bind-interfaces",
        f"interface={config.interface}",
        "except-interface=lo",
        "no-hosts",
        # Changing its user would make the kernel forget to end it with us (prctl(2), PR_SET_PDEATHSIG).
        "user=root",
        "group=root",
        "log-facility=-",
        "log-dhcp",
        f"pid-file={config.dnsmasq_dir / 'pid'}",
        f"dhcp-leasefile={config.dnsmasq_dir / 'leases'}",
        f"dhcp-hostsfile={config.dnsmasq_dir / 'hosts'}",
        f"dhcp-optsfile={config.dnsmasq_dir / 'options'}",
        "dhcp-authoritative",  # a lease we forgot must not keep a machine waiting
        "dhcp-ignore-clid",  # firmware, iPXE and OS differ in it: one MAC has one address
        "dhcp-lease-max=65536",
        # The netmask is the interface's. "static": an address only for those with a reservation.
        f"dhcp-range={config.address},static,{config.lease_s}",
        # Empty: don't name ourselves as router; a machine's own options are tagged, and win.
        "dhcp-option=3",
    ]
    if config.dynamic_range is not None:
        first, last = config.dynamic_range
        lines.append(f"dhcp-range={first},{last},{config.lease_s}")
    return "\n".join(lines + _boot_lines(config, loaders) + _octet_lines()) + "\n"


def _octet_lines() -> list[str]:
    """A tag for each value of each octet of a hardware address."""
    return [
        f"dhcp-mac=set:{_octet_tag(place, f'{value:02x}')},"
        + ":".join(f"{value:02x}" if place == at else "*" for at in range(_OCTETS))
        for place in range(_OCTETS)
        for value in range(256)
    ]


def _octet_tag(place: int, value: str) -> str:
    return f"octet{place + 1}-{value}"


def _boot_lines(config: BootsConfig, loaders: dict[str, str]) -> list[str]:
    """Who asks decides what is handed out: iPXE a script, firmware an iPXE that fits it."""
    lines = [
        # Option 77. Not option 175 as well: an iPXE that gives itself another class wants to be taken for
        # other firmware (a NIC's own build that lacks HTTP, say), and gets a better iPXE.
        "dhcp-userclass=set:ipxe,iPXE",
        f"dhcp-boot=tag:ipxe,{config.base_url}/auto.ipxe",
        "dhcp-option=tag:ipxe,encap:175,176,1b",  # no-pxedhcp: don't wait for a proxy DHCP server
    ]
    for tag, architectures, _ in LOADERS:
        lines += [f"dhcp-match=set:{tag},option:client-arch,{number}" for number in architectures]
        if config.tftp and tag in loaders:
            lines.append(f"dhcp-boot=tag:!ipxe,tag:{tag},{loaders[tag]},,{config.address}")
    for tag, number, like in _HTTP_BOOT:
        if like in loaders:
            lines += [
                f"dhcp-match=set:{tag},option:client-arch,{number}",
                f"dhcp-boot=tag:!ipxe,tag:{tag},{config.base_url}/ipxe/{loaders[like]}",
                # UEFI takes the offer for one of HTTP boot only if it says so (UEFI 2.10, 24.7.3.1).
                f"dhcp-option-force=tag:{tag},60,HTTPClient",
            ]
    if config.tftp:
        lines += [f"enable-tftp={config.interface}", f"tftp-root={config.ipxe_dir}"]
    return lines


def _tags(machine: Machine) -> str:
    return ",".join(f"tag:{_octet_tag(*octet)}" for octet in enumerate(machine.mac.split(":")))


def render_hosts(machines: Iterable[Machine]) -> str:
    """The reservations. dnsmasq refuses an address or a MAC given twice, so the first one keeps it."""
    lines: list[str] = []
    taken: set[str] = set()
    for machine in machines:
        if machine.mac in taken:
            continue
        taken.add(machine.mac)
        words = [machine.mac]
        address = dhcp.address(machine.address)
        if address and address not in taken:
            taken.add(address)  # also where DHCP is silent: no stranger is to have it
            words.append(address)
        words += _told(machine) if machine.dhcp else ["ignore"]
        lines.append(",".join(words) + "\n")
    return "".join(lines)


def _told(machine: Machine) -> Iterator[str]:
    """A reservation's name and lease."""
    if hostname := dhcp.host_name(machine.hostname):
        # With a dot at its end no name is taken for a lease time ("5m"), for "infinite" or "ignore".
        yield f"{hostname.lower()}."
    if lease_s := dhcp.lease_s(machine.lease_s):
        yield "infinite" if lease_s == dhcp.FOR_EVER_S else str(lease_s)


def render_options(machines: Iterable[Machine]) -> str:
    """The options of each machine, by its hardware address."""
    lines: list[str] = []
    for machine in machines:
        if not machine.dhcp:
            continue
        hostname = dhcp.host_name(machine.hostname)
        if _LOOKS_LIKE_A_NUMBER.fullmatch(hostname):
            hostname = ""  # the reservation's is sent: the same, in lower case as it is
        routes = dhcp.routes(machine.routes, machine.gateway)
        options = (
            (1, dhcp.netmask(machine.netmask)),
            (3, dhcp.address(machine.gateway)),
            (6, ",".join(dhcp.addresses(machine.name_servers))),
            (12, hostname),
            (42, ",".join(dhcp.addresses(machine.time_servers))),
            (121, ",".join(f"{network},{router}" for network, router in routes)),
        )
        tags = _tags(machine)
        lines += [f"{tags},{number},{value}\n" for number, value in options if value]
    return "".join(lines)


def read_log(line: str) -> Seen | None:
    """What a line of the log says of a machine. Text that a client chose can't pass for such a line."""
    match = _LOG.fullmatch(line.strip())
    if match is None:
        return None
    mac = macs.normalise(match["mac"])
    if match["what"] == "DHCPACK":
        return Seen("ack", mac, match["address"]) if match["address"] else None
    # Of a discover the rest is dnsmasq's own word; that of an ack is the machine's name for itself.
    return Seen("discover", mac, match["address"] or "", refused=match["rest"] == "no address available")
