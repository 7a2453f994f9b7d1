"""What a Hardware says for iPXE and the kernel, checked as the machine's script is: by contracts.ipxe."""

from collections.abc import Callable, Iterator

from osie.contracts import ipxe
from osie.tink.domain.hardware import HardwareSpec, Ipxe, Osie

_SHOWN = 100  # characters of a value in its error


def faults(spec: HardwareSpec) -> list[tuple[str, str]]:
    """(PATH, SENTENCE) for each value that would not arrive as it was written."""
    found = list(_checked("spec.agentID", spec.agentID, _worker_id)) if spec.interfaces else []
    for number, interface in enumerate(spec.interfaces):
        netboot = interface.netboot
        if netboot is not None:
            path = f"spec.interfaces[{number}].netboot"
            found += _checked(f"{path}.ipxe.url", (netboot.ipxe or Ipxe()).url, ipxe.script_url)
            found += _of_osie(f"{path}.osie", netboot.osie or Osie())
    return found


def _of_osie(path: str, told: Osie) -> Iterator[tuple[str, str]]:
    yield from _checked(f"{path}.baseURL", told.baseURL, ipxe.base_url)
    yield from _checked(f"{path}.initrd", told.initrd, lambda name: ipxe.own_word(name.rpartition("/")[2]))
    size = 0
    for number, text in enumerate(told.kernelParams):
        yield from _checked(f"{path}.kernelParams[{number}]", text, _parameters)
        size += len(text.encode()) + 1
    if size > ipxe.OWN_BYTES:
        yield f"{path}.kernelParams", f"have {size} bytes: a machine's own may have {ipxe.OWN_BYTES}"


def _checked(path: str, text: str, check: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """The fault of a text that is there."""
    try:
        if text:
            check(text)
    except ValueError as error:
        yield path, f"{text[:_SHOWN]!r}{'...' if len(text) > _SHOWN else ''} {error}"


def _worker_id(agent: str) -> str:
    return ipxe.command_line([("worker_id", agent)])


def _parameters(text: str) -> str:
    return ipxe.command_line(ipxe.parameters(text))
