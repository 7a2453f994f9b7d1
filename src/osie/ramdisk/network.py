"""The network step: from the kernel parameters to an interface with an address, routes and names."""

import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from osie.contracts.kernel_parameters import KernelParameters
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.core.process import ProcessError, run
from osie.ramdisk import nic, waiting
from osie.ramdisk.addressing import (
    Addressing,
    Static,
    commands,
    fitting,
    hosts,
    mtu_command,
    parse_ip,
    parse_ipam,
    resolv_conf,
)
from osie.ramdisk.dhcp import Client
from osie.ramdisk.nic import Nic
from osie.ramdisk.report import Facts, Reporter

_SYS_NET = Path("/sys/class/net")
_APPEAR_S = 20.0  # a NIC whose driver loads firmware, or that hangs on USB
_CARRIER_S = 20.0  # switches that negotiate or run spanning tree
_DHCP_S = 30.0
_CABLE = "is the cable plugged in, is the switch port up, and is it in the right VLAN?"


class Network(NamedTuple):
    """What the machine has once the step is done."""

    interface: str
    mac: str  # of the physical interface
    addressing: Addressing


def wishes(parameters: KernelParameters) -> Static:
    """What the kernel parameters fix, all of them together; `ipam` is the most specific and goes first."""
    fixed = parse_ipam(parameters.ipam) if parameters.ipam else parse_ip(parameters.ip)
    return fixed._replace(
        mac=fixed.mac or parameters.hw_addr,
        interface=parameters.interface or fixed.interface,
        vlan_id=fixed.vlan_id or parameters.vlan_id,
    )


def vlan_command(parent: str, index: int, vlan_id: str) -> tuple[str, list[str]]:
    """The tagged interface's name, and what makes it; `index` is the parent's ifindex.

    Names have at most 15 characters (IFNAMSIZ). Where the parent's doesn't fit its index stands for it: the
    same VLAN on another NIC has another name.
    """
    name = f"{parent}.{vlan_id}"
    if len(name) > 15:
        name = f"vlan{vlan_id}-{index}"
    return name, ["ip", "link", "add", "link", parent, "name", name, "type", "vlan", "id", vlan_id]


def absence(wanted: Static, nics: Sequence[Nic], driverless: Sequence[str]) -> OsieError:
    """Why there is no interface to try, for a person before the machine."""
    asked = wanted.interface or wanted.mac
    present = "; ".join(each.describe() for each in nics) or "none"
    lacking = f"; without a driver: {', '.join(driverless)}" if driverless else ""
    return OsieError(
        f"there is no network interface {asked}" if asked else "there is no network interface",
        hint=f"interfaces found: {present}{lacking}. Is its driver in the ramdisk, is hw_addr= right?",
    )


def mtu_refused(mtu: int, interface: str) -> str:
    """Set the MTU. Why it stays as it is, where it is above what the NIC, or a VLAN's parent, can do."""
    try:
        run(mtu_command(mtu, interface))
    except ProcessError as error:
        return f"{mtu} refused, it stays as it is: {error}"
    return ""


class NetworkStep:
    """Brings the network up, and keeps its lease."""

    def __init__(self, parameters: KernelParameters, reporter: Reporter, settled: threading.Event) -> None:
        """`settled`: all interfaces of the machine that can be found have been found."""
        self._settled = settled
        self._parameters = parameters
        self._reporter = reporter
        self._applying = threading.Lock()

    def bring_up(self, facts: Facts) -> Network:
        """One attempt. Raises OsieError that tells the interface, its driver and link, and what to check."""
        wanted = wishes(self._parameters)
        if wanted.warning:
            facts["warning"] = wanted.warning
        run(["ip", "link", "set", "lo", "up"])
        chosen = self._linked(wanted)
        failures = []
        for each in chosen:
            try:
                network = self._configure(each, wanted, facts)
            except (OsieError, OSError) as error:
                failures.append((each, error))
                continue
            facts.update(
                interface=network.interface, address=network.addressing.address, mac=network.mac,
                driver=each.driver, source="static" if wanted.addressing else "dhcp",
            )  # fmt: skip
            return network
        told = "; ".join(f"{error} ({each.describe()})" for each, error in failures)
        raise OsieError(told, hint=f"does a DHCP server serve this network and this MAC? {_CABLE}")

    def _linked(self, wanted: Static) -> list[Nic]:
        """The interfaces to try, up and with a link."""
        if not (wanted.interface or wanted.mac):  # the choice is between all
            self._settled.wait(_APPEAR_S)

        def present() -> list[Nic]:
            return nic.candidates(nic.physical(), interface=wanted.interface, address=wanted.mac)

        def named() -> list[Nic]:
            found = present()
            return found if all(each.named for each in found) else []

        with nic.Announcements.of_udev() as done:
            # an interface that udev takes too long for is used under the name it has
            found = waiting.until(named, deadline_s=_APPEAR_S, every_s=0.5, waker=done) or present()
        if not found:
            raise absence(wanted, nic.physical(), nic.driverless())
        with nic.Announcements.of_links() as changes:
            for each in found:
                run(["ip", "link", "set", "dev", each.name, "up"])
            names = [each.name for each in found]
            if not waiting.until(
                lambda: nic.linked(names), deadline_s=_CARRIER_S, every_s=1.0, waker=changes
            ):
                told = "; ".join(each.describe() for each in present())
                raise OsieError(f"no link within {_CARRIER_S:g} s: {told}", hint=_CABLE)
        return [each for each in present() if each.carrier]

    def _configure(self, parent: Nic, wanted: Static, facts: Facts) -> Network:
        interface = self._tagged(parent.name, wanted.vlan_id)
        if wanted.addressing is None:
            addressing = self._leased(interface, parent.mac, facts)
        else:
            addressing = self._completed(wanted.addressing, parent.mac)
            facts.update(self._apply(interface, addressing, None))
        return Network(interface, parent.mac, addressing)

    def _leased(self, interface: str, mac: str, facts: Facts) -> Addressing:
        holder: list[Addressing] = []

        def renewed(lease: Addressing) -> None:
            old, holder[:] = holder[0], [lease]
            self._renew(interface, old, lease)

        def ended() -> None:
            why = "the DHCP client ended; it is started again"
            self._reporter.event("dhcp-ended", interface=interface, reason=why)

        client = Client(interface, renewed, ended)
        holder.append(client.acquire(_DHCP_S))
        addressing = self._completed(holder[0], mac)
        try:
            facts.update(self._apply(interface, addressing, None))
        except (OsieError, OSError):
            client.close()  # the next attempt has a client of its own
            raise
        return addressing

    def _tagged(self, parent: str, vlan_id: str) -> str:
        if not vlan_id or vlan_id == "0":
            return parent
        name, making = vlan_command(parent, socket.if_nametoindex(parent), vlan_id)
        if not (_SYS_NET / name).exists():
            run(making)
        run(["ip", "link", "set", "dev", name, "up"])
        return name

    def _completed(self, addressing: Addressing, mac: str) -> Addressing:
        """With a hostname that tells machines apart in logs, where none was given."""
        return addressing._replace(hostname=addressing.hostname or f"osie-{mac.replace(':', '')}")

    def _renew(self, interface: str, old: Addressing, new: Addressing) -> None:
        if old == new:
            return
        try:
            named = new._replace(hostname=new.hostname or socket.gethostname())
            refused = self._apply(interface, named, old)
        except (ProcessError, OSError) as error:
            self._reporter.event("lease", interface=interface, failed=str(error))
            return
        self._reporter.event("lease", interface=interface, address=new.address, **refused)

    def _apply(self, interface: str, addressing: Addressing, old: Addressing | None) -> Mapping[str, str]:
        """Do it. Returns what the interface refused and works without, as a fact."""
        hostname, refused = fitting(addressing.hostname), dict[str, str]()
        with self._applying:
            if addressing.mtu and (why := mtu_refused(addressing.mtu, interface)):
                refused["mtu"] = why
            for line in commands(addressing, interface, old):
                run(line)
            socket.sethostname(hostname)
            write_atomically(
                Path("/etc/resolv.conf"), resolv_conf(addressing.name_servers, addressing.search)
            )
            write_atomically(Path("/etc/hosts"), hosts(hostname, addressing.address))
        return refused
