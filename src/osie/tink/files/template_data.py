"""What a template may name: the workflow's map, and its hardware in upstream's two spellings."""

from collections.abc import Mapping
from typing import Any

from osie.tink.domain import crd
from osie.tink.domain.hardware import HardwareSpec
from osie.tink.domain.resources import Resource
from osie.tink.files import referenced
from osie.tink.files.go_yaml import as_json

# The legacy `.Hardware` has Go's field names. What isn't listed is the JSON name in camel case.
_GO_NAMES = {
    "dhcp": "DHCP",
    "disableDhcp": "DisableDHCP",
    "gid": "GID",
    "id": "ID",
    "ip": "IP",
    "ipxe": "IPXE",
    "ipxe_script_url": "IpxeScriptURL",
    "mac": "MAC",
    "osie": "OSIE",
    "pxelinux": "PXELINUX",
    "rpi": "RPI",
    "ssh_keys": "SSHKeys",
    "tftp_server_name": "TFTPServerName",
    "type_guid": "TypeGUID",
    "uefi": "UEFI",
    "uid": "UID",
    "url": "URL",
    "vlan_id": "VLANID",
}


def _go_name(name: str) -> str:
    return _GO_NAMES.get(name) or "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _go(value: Any, form: Any) -> Any:
    """`value` as a template sees the Go type `form`; what upstream doesn't know is kept."""
    if value is None:
        return [] if isinstance(form, list) else None if isinstance(form, dict) else form
    if isinstance(value, Mapping):
        fields = form if isinstance(form, dict) else {}
        told = {_go_name(key): _go(item, fields.get(key)) for key, item in value.items()}
        return {_go_name(key): _go(None, zero) for key, zero in fields.items()} | told
    if isinstance(value, list | tuple):
        inner = form[0] if isinstance(form, list) and form else None
        return [_go(item, inner) for item in value]
    return value


def legacy(spec: HardwareSpec) -> dict[str, Any]:
    """`.Hardware`."""
    return {
        "Disks": [disk.device for disk in spec.disks],
        "Interfaces": [_go(each.model_dump(mode="json"), crd.INTERFACE) for each in spec.interfaces],
        "UserData": spec.userData or "",
        "VendorData": spec.vendorData or "",
        "Metadata": _go(spec.metadata or {}, crd.METADATA),
    }


def whole(machine: Resource) -> dict[str, Any]:
    """`.hardware`: the resource by its JSON names, without what is empty, as Go leaves that out.

    Upstream makes JSON of its Hardware and reads that: numbers are float64, and 1000000 is rendered as 1e+06.
    """
    told = {"labels": machine.labels, "annotations": machine.annotations}
    metadata = {"name": machine.ref.name, "namespace": machine.ref.namespace}
    return {
        "metadata": {**metadata, **{key: value for key, value in told.items() if value}},
        "spec": {"auto": {}, **as_json(machine.spec)},  # a struct, which Go never leaves out
        "status": {},
    }


def data(
    machine: Resource | None, hardware_map: Mapping[str, str], references: Mapping[str, Resource]
) -> dict[str, Any]:
    """All of it; the map can't take the names that are always there. `machine`: None where none is meant."""
    return {
        **hardware_map,
        "Hardware": legacy(HardwareSpec.model_validate(machine.spec if machine else {})),
        "hardware": whole(machine) if machine else {"metadata": {}, "spec": {}, "status": {}},
        "references": referenced.data(references),
    }
