"""What an accepted resource says that has no effect here: each with its place, and what to do instead.

Silent are the fields that upstream does nothing with either (`resources`, `tinkVersion`, `arch`, `uefi`,
`iface_name`, `ip.family`), and those that a template may read and nobody else is meant to.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from osie.tink.domain import crd, keys
from osie.tink.domain.keys import path_of
from osie.tink.domain.resources import Kind
from osie.tink.files import referenced

_FORMS = {Kind.HARDWARE: crd.HARDWARE, Kind.TEMPLATE: crd.TEMPLATE, Kind.WORKFLOW: crd.WORKFLOW}
_NO_BMC = "Osie drives no BMC"
_BY_HAND = "power the machine on, and let it netboot, yourself"
_OWN_LOADER = "every machine gets iPXE by what its firmware is"
# A field, without its places in lists -> why it does nothing, and what does. Empty and false wish nothing.
_NO_EFFECT: dict[Kind, Mapping[str, str]] = {
    Kind.HARDWARE: {
        "auto.enrollmentEnabled": "there is no automatic enrolment: apply a Workflow for the machine",
        "bmcRef": f"{_NO_BMC}: {_BY_HAND}",
        "interfaces.isoboot": "no ISO is made for a machine: let it netboot",
        "interfaces.dhcp.domain_name": "DHCP tells no domain: write it into the installed system",
        "interfaces.dhcp.tftp_server_name": f"{_OWN_LOADER}: leave it out",
        "interfaces.dhcp.boot_file_name": f"{_OWN_LOADER}: netboot.ipxe has what follows",
        "interfaces.netboot.ipxe.binary": f"{_OWN_LOADER}: netboot.ipxe.url has what follows",
        "interfaces.netboot.pxelinux": "U-Boot's pxelinux.cfg is not served: use its EFI, which loads iPXE",
        "interfaces.netboot.rpi": "no Raspberry Pi's firmware is served: use its UEFI, which loads iPXE",
    },
    Kind.TEMPLATE: {},
    Kind.WORKFLOW: {
        "bootOptions.bootMode": f"{_NO_BMC}: {_BY_HAND}; toggleAllowNetboot lets it",
        "bootOptions.isoURL": f"{_NO_BMC}: put the ISO in yourself, or let the machine netboot",
        "bootOptions.custombootConfig": f"{_NO_BMC}: {_BY_HAND}",
    },
}
MOST = 100  # of a resource's unknown keys


def of(kind: Kind, spec: Mapping[str, Any]) -> list[str]:
    """PATH: SENTENCE of each, for a spec that was accepted."""
    told = [*without_effect(kind, spec), *strangers(strays(kind, spec), "spec")]
    return [*told, *referenced.unknown(spec)] if kind is Kind.HARDWARE else told


def without_effect(kind: Kind, spec: Mapping[str, Any]) -> Iterator[str]:
    """The fields that are known, told, and do nothing."""
    table = _NO_EFFECT[kind]
    for path, value in keys.entries(spec):
        reason = table.get(".".join(part for part in path if isinstance(part, str)))
        if reason and value:
            yield f"{path_of(('spec', *path))}: has no effect: {reason}"


def strays(kind: Kind, spec: Mapping[str, Any]) -> list[keys.Stray]:
    """The spec's keys that upstream's resource doesn't have, as many as are worth telling."""
    return list(islice(keys.strays(spec, _FORMS[kind]), MOST))


def misspelt(found: list[keys.Stray], root: str = "") -> Iterator[tuple[str, str]]:
    """The keys that look like one which is read: (path, sentence). The resource isn't accepted with them."""
    for stray in found:
        if stray.near and not _kept(stray):
            yield path_of((*_below(root), *stray.path)), f"unknown key: did you mean {stray.near!r}?"


def strangers(found: list[keys.Stray], root: str = "") -> Iterator[str]:
    """The others. What metadata holds is kept for templates, whatever its name."""
    for stray in found:
        meant = stray.near or stray.other
        if (meant and _kept(stray)) or not (stray.near or _kept(stray)):
            hint = f": did you mean {meant!r}?" if meant else ""
            yield f"{path_of((*_below(root), *stray.path))}: unknown key, and without effect{hint}"


def _below(root: str) -> tuple[str, ...]:
    return (root,) if root else ()


def _kept(stray: keys.Stray) -> bool:
    return stray.path[0] == "metadata"


def unread(spec: Mapping[str, Any], template: str) -> Iterator[str]:
    """What of a workflow's Hardware is meant for the installed OS, and its template doesn't name."""
    for field in ("userData", "vendorData"):
        if spec.get(field) and not re.search(field, template, re.IGNORECASE):
            yield (
                f"{field} reaches nobody: nothing serves it to the installed system, and the template doesn't"
                " name it; write it with the action writefile"
            )
