"""iPXE scripts as values: pure functions from a machine to the text it is answered with.

A value is put into a script only after it is known that iPXE will hand it on unchanged (contracts.ipxe); what
iPXE can't carry is refused, never altered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from urllib.parse import quote

from osie.boots import consoles
from osie.contracts import artifacts, dhcp, ipxe
from osie.contracts.machine import Kind, Machine
from osie.core.errors import OsieError

_SHOWN = 400  # characters of a foreign text that a message shows
_COLUMNS = 72  # of a screen, for a text of several lines
MOST_ASKS = 60  # how often a machine that can't be installed asks again before it tries its disk
_ASK_AGAIN_S = 10
_STOPPED_ASKS_AGAIN_S = 60


class ScriptError(OsieError):
    """A value of the machine can't stand in an iPXE script."""


@dataclass(frozen=True)
class ServiceContext:
    """What every script of one service shares."""

    base_url: str  # of our HTTP server, without a slash at the end
    kernel_parameters: tuple[str, ...]
    grpc_authority: str
    syslog_host: str
    syslog_port: int | None
    registry_authority: str
    ramdisk_parameters: tuple[str, ...] = ()  # what our own artifacts ask for; any other setting wins


@dataclass(frozen=True)
class Script:
    """The text for iPXE, and what it does, for the journal."""

    kind: Kind
    text: str


def shown(text: str) -> str:
    """`text` for an `echo`: what iPXE would act upon or can't print becomes a question mark."""
    plain = text.replace(";", ",")
    safe = "".join(c if c.isascii() and (c.isalnum() or c in " .,:/_=+@%()'[]-") else "?" for c in plain)
    return " ".join(safe[:_SHOWN].split())


def _checked(check: Callable[[str], str], text: str, what: str) -> str:
    try:
        return check(text)
    except ValueError as error:
        raise ScriptError(f"{what} {error}") from error


def _hyphens(mac: str) -> str:
    return mac.replace(":", "-")


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    try:
        return [pair for text in texts for pair in ipxe.parameters(text)]
    except ValueError as error:
        raise ScriptError(f"a kernel parameter {error}") from error


def command_line(machine: Machine, context: ServiceContext, initrd: str) -> str:
    """The kernel's parameters for this machine, the machine's own last, so that they win."""
    ramdisks = () if machine.osie_base_url else context.ramdisk_parameters
    layers = [_pairs(texts) for texts in (ramdisks, context.kernel_parameters)]
    layers += [_ours(machine, context), _pairs(machine.kernel_parameters)]
    # On UEFI iPXE hands the ramdisk to the kernel's EFI stub as a file of this name; BIOS ignores it.
    pairs = [*consoles.settled(layers), ("initrd", initrd)]
    try:
        return ipxe.command_line(pairs)
    except ValueError as error:
        raise ScriptError(f"the line of kernel parameters {error}") from error


def _ours(machine: Machine, context: ServiceContext) -> list[tuple[str, str]]:
    """What the ramdisk reads."""
    pairs = [
        ("grpc_authority", context.grpc_authority),
        ("tinkerbell_tls", "false"),
        ("tinkerbell_insecure_tls", "false"),  # without it Hook hands its worker an empty one
        ("worker_id", machine.agent_id or machine.mac),
        ("hw_addr", machine.mac),
    ]
    if context.syslog_port is not None:
        pairs.append(("syslog_host", context.syslog_host))
        if context.syslog_port != 514:
            pairs.append(("syslog_port", str(context.syslog_port)))
    if context.registry_authority:
        pairs.append(("insecure_registries", context.registry_authority))
    if vlan_id := dhcp.vlan_id(machine.vlan_id):
        pairs.append(("vlan_id", vlan_id))
    return pairs


def _artifact_url(machine: Machine, context: ServiceContext, name: str) -> str:
    """Where the artifact is. To ourselves the URL says for whom, so that we can tell that it was sent."""
    given = machine.osie_base_url and _checked(ipxe.base_url, machine.osie_base_url, "osie.baseURL")
    base = given.rstrip("/") or f"{context.base_url}/artifacts"
    url = _checked(ipxe.own_word, f"{base}/{quote(name)}", "the URL of the kernel or ramdisk")
    ours = base.startswith(context.base_url + "/")
    return f"{url}?mac={_hyphens(machine.mac)}" if ours else url


def install(machine: Machine, context: ServiceContext) -> Script:
    """Boot the machine into Osie."""
    kernel = machine.osie_kernel or artifacts.KERNEL
    initrd = machine.osie_initrd or artifacts.INITRAMFS
    name = _checked(ipxe.own_word, initrd.rpartition("/")[2], "the ramdisk's name")
    parameters = command_line(machine, context, name)
    lines = [
        "#!ipxe",
        f"echo Osie: {shown(machine.hostname)} {machine.mac} boots into the installer",
        "imgfree",
        f"kernel {_artifact_url(machine, context, kernel)} {parameters} || goto failed",
        f"initrd --name {name} {_artifact_url(machine, context, initrd)} || goto failed",
        "boot || goto failed",
        ":failed",
        "echo Osie: the kernel or ramdisk could not be loaded or started, see the error above",
        *_again(machine.mac, context, 0),
    ]
    return Script("install", "\n".join(lines) + "\n")


_TO_DISK = (
    # BIOS: `exit` would go to the next boot device, which many firmwares take for the network again.
    "iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||",
    # UEFI: the next entry of the firmware's boot order. After a success it would stop at its menu
    # (UEFI 2.10, 3.1.1). Also where the BIOS found no disk to boot.
    "exit 1",
)


def disk(machine: Machine) -> Script:
    """Leave the machine to the OS on its disk."""
    told = f"echo Osie: {shown(machine.hostname)} {machine.mac} may not netboot, starting its disk"
    return Script("disk", "\n".join(["#!ipxe", told, *_TO_DISK]) + "\n")


def custom(machine: Machine) -> Script:
    """The operator's own script, or a chain to it: theirs to write, so it goes out as it is."""
    if machine.ipxe_contents:
        return Script("custom", ipxe.contents(machine.ipxe_contents))
    url = _checked(ipxe.script_url, machine.ipxe_url, "ipxe.url")
    return Script("custom", f"#!ipxe\nchain --replace {url} || exit 1\n")


def _asking(mac: str, context: ServiceContext, asked: int) -> str:
    return f"{context.base_url}/auto.ipxe?mac={_hyphens(mac)}&asked={asked}"


def _again(mac: str, context: ServiceContext, asked: int) -> list[str]:
    """Ask again after a while: the operator may have acted. At the end, try the disk."""
    if asked >= MOST_ASKS:
        return ["echo Nothing changed, trying the disk", *_TO_DISK]
    url = _asking(mac, context, asked + 1)
    return [
        f"echo Asking again in {_ASK_AGAIN_S} s",
        f"sleep {_ASK_AGAIN_S}",
        f"chain --replace {url} || exit 1",
    ]


def unknown(mac: str, context: ServiceContext, asked: int) -> Script:
    """Nobody knows this machine: say so and what to do, wait a while, never install."""
    lines = [
        "#!ipxe",
        "echo",
        "echo Osie does not know this machine, and leaves it alone.",
        f"echo MAC address: {mac}",
        "echo To install it: put this address into a Hardware resource and run osie apply -f FILE",
        "echo",
        *_again(mac, context, asked),
    ]
    return Script("unknown", "\n".join(lines) + "\n")


def error(mac: str, reason: str, context: ServiceContext, asked: int) -> Script:
    """The machine is known, and what is known of it can't be used: say so, install nothing."""
    lines = [
        "#!ipxe",
        "echo",
        f"echo Osie can't boot {mac}: {shown(reason)}",
        "echo Mend its Hardware resource with osie apply -f FILE",
        "echo",
        *_again(mac, context, asked),
    ]
    return Script("error", "\n".join(lines) + "\n")


def stopped(machine: Machine, context: ServiceContext) -> Script:
    """The machine netbooted again and again and got nowhere: say why it is held, and hold it.

    It asks until the answer is another one, also where nobody answers for a while: neither its disk nor the
    network is to start the same over and over.
    """
    lines = [
        "#!ipxe",
        "echo",
        f"echo Osie stopped {shown(machine.hostname)} {machine.mac}",
        *(f"echo . {line}" for line in wrap(shown(machine.stopped), _COLUMNS, break_on_hyphens=False)),
        "echo What happened: osie workflow explain NAME",
        "echo Once it is mended: osie workflow retry NAME, or another workflow",
        "echo",
        ":again",
        f"echo Asking again in {_STOPPED_ASKS_AGAIN_S} s",
        f"sleep {_STOPPED_ASKS_AGAIN_S}",
        f"chain --replace {_asking(machine.mac, context, 1)} || goto again",
    ]
    return Script("stopped", "\n".join(lines) + "\n")


def for_machine(machine: Machine, context: ServiceContext, asked: int = 0) -> Script:
    """The script for a known machine, by what its operator allows."""
    if not machine.allow_pxe:
        return disk(machine)
    if machine.stopped:
        return stopped(machine, context)
    try:
        if machine.ipxe_contents or machine.ipxe_url:
            return custom(machine)
        return install(machine, context)
    except ScriptError as refused:
        return error(machine.mac, str(refused), context, asked)


def who_are_you(context: ServiceContext) -> str:
    """Have iPXE ask again and say who it is: netX is the NIC it opened last, so the one it boots from.

    The serial number is last: some iPXE leave an `&` in it as it is. `${uuid:uristring}` would be the raw
    bytes, and end the line at the first zero.
    """
    asked = (
        f"{context.base_url}/auto.ipxe?mac=${{netX/mac:hexhyp}}&uuid=${{uuid}}"
        "&platform=${platform}&arch=${buildarch}&serial=${serial:uristring}"
    )
    return f"#!ipxe\nchain --replace {asked} || exit 1\n"
