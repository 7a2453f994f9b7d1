"""What the ramdisk reads from /proc/cmdline, and what the netboot service writes there.

Sources: the kernel's Documentation/admin-guide/kernel-parameters.rst for quoting;
docs/reference/kernel-parameters.md for the meaning of each. Unknown parameters are ignored: other programs
put theirs on the same line.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from osie.contracts import mac
from osie.contracts.flag import flag

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class KernelParameters(NamedTuple):
    """One machine's parameters; an empty string stands for a parameter that isn't there."""

    grpc_authority: str = ""  # HOST:PORT of the tink server
    tls: bool = False
    insecure_tls: bool = False
    worker_id: str = ""  # as asked for; `identity` falls back to the boot NIC
    hw_addr: str = ""  # MAC of the NIC that netbooted: hw_addr=, else BOOTIF=01-...
    interface: str = ""
    vlan_id: str = ""
    ipam: str = ""
    ip: str = ""
    syslog_host: str = ""
    syslog_port: int = 514
    docker_registry: str = ""
    registry_username: str = ""
    registry_password: str = ""
    insecure_registries: tuple[str, ...] = ()
    tink_worker_image: str = ""
    proxies: Mapping[str, str] = MappingProxyType({})  # HTTP_PROXY and its like, upper case
    debug: bool = False  # osie.debug: a shell on the console
    ntp: tuple[str, ...] = ()  # osie.ntp=
    engine_args: tuple[str, ...] = ()  # osie.engine_args=, separated by commas

    def __repr__(self) -> str:
        shown = self._replace(registry_password="***" if self.registry_password else "")
        return f"KernelParameters{tuple(shown)}"

    @property
    def identity(self) -> str:
        """The worker's ID: what was asked for, else the MAC of the NIC that netbooted, else empty."""
        return self.worker_id or self.hw_addr

    def worker_environment(self) -> dict[str, str]:
        """The environment that the tink-worker's container starts with."""
        environment = {
            "ID": self.identity,
            "WORKER_ID": self.identity,
            "TINKERBELL_GRPC_AUTHORITY": self.grpc_authority,
            "TINKERBELL_TLS": str(self.tls).lower(),
            "TINKERBELL_INSECURE_TLS": str(self.insecure_tls).lower(),
            "DOCKER_REGISTRY": self.docker_registry,
            "REGISTRY_USERNAME": self.registry_username,
            "REGISTRY_PASSWORD": self.registry_password,
        }
        for name in _PROXIES:
            environment[name] = self.proxies.get(name, "")
        return environment


def split(cmdline: str) -> list[tuple[str, str]]:
    """Return (name, value) in order; double quotes protect blanks, a bare word has the value ''."""
    words: list[str] = []
    word, quoted = "", False
    for char in cmdline:
        if char == '"':
            quoted = not quoted
        elif char.isspace() and not quoted:
            if word:
                words.append(word)
            word = ""
        else:
            word += char
    if word:
        words.append(word)
    return [(name, value) for name, _, value in (w.partition("=") for w in words)]


def join(parameters: list[tuple[str, str]]) -> str:
    """Return the command line for (name, value) pairs; the inverse of `split`.

    Raises ValueError where a pair can't be told on a kernel command line: a double quote, a control
    character, or a blank in a name.
    """
    words = []
    for name, value in parameters:
        if not name or any(c.isspace() or c in '"=' for c in name):
            raise ValueError(f"{name!r} can't be the name of a kernel parameter")
        if '"' in value or any(ord(c) < 32 for c in value):
            raise ValueError(f"kernel parameter {name}: {value!r} has a quote or a control character")
        blank = any(c.isspace() for c in value)
        words.append(name if value == "" else f'{name}="{value}"' if blank else f"{name}={value}")
    return " ".join(words)


def _list(value: str) -> tuple[str, ...]:
    return tuple(item for item in value.split(",") if item)


def _is_set(value: str) -> bool:
    return not value or bool(flag(value))  # the bare name says yes


def _mac_or_empty(value: str) -> str:
    """The address, or empty: a wrong one from another program must not stop the boot."""
    try:
        return mac.normalise(value)
    except ValueError:
        return ""


def parse(cmdline: str) -> KernelParameters:
    """Read a kernel command line. The last of several values wins, as in the kernel."""
    given = dict(split(cmdline))
    bootif = given.get("BOOTIF", "")  # PXELINUX's form: ARP hardware type, then the address: 01-aa-bb-...
    port = given.get("syslog_port", "")
    return KernelParameters(
        grpc_authority=given.get("grpc_authority", ""),
        tls=_is_set(given.get("tinkerbell_tls", "false")),
        insecure_tls=_is_set(given.get("tinkerbell_insecure_tls", "false")),
        worker_id=given.get("worker_id", ""),
        hw_addr=_mac_or_empty(given.get("hw_addr", "")) or _mac_or_empty(bootif[3:]),
        interface=given.get("interface", ""),
        vlan_id=given.get("vlan_id", ""),
        ipam=given.get("ipam", ""),
        ip=given.get("ip", ""),
        syslog_host=given.get("syslog_host", ""),
        syslog_port=int(port) if port.isdecimal() and 0 < int(port) < 65536 else 514,
        docker_registry=given.get("docker_registry", ""),
        registry_username=given.get("registry_username", ""),
        registry_password=given.get("registry_password", ""),
        insecure_registries=_list(given.get("insecure_registries", "")),
        tink_worker_image=given.get("tink_worker_image", ""),
        proxies={name: given.get(name) or given.get(name.lower(), "") for name in _PROXIES},
        debug=_is_set(given.get("osie.debug", "false")),
        ntp=_list(given.get("osie.ntp", "")),
        engine_args=_list(given.get("osie.engine_args", "")),
    )
