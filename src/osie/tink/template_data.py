"""What a template may name: the workflow's map, and its hardware in upstream's two spellings."""

from collections.abc import Mapping
from typing import Any

from osie.tink.hardware import HardwareSpec, Interface

# The legacy `.Hardware` has Go's field names. What isn't listed is the JSON name in camel case.
_GO_NAMES = {
    "allowPXE": "AllowPXE",
    "baseURL": "BaseURL",
    "dhcp": "DHCP",
    "disableDhcp": "DisableDHCP",
    "id": "ID",
    "ip": "IP",
    "ipxe": "IPXE",
    "mac": "MAC",
    "osie": "OSIE",
    "raid": "RAID",
    "ssh_keys": "SSHKeys",
    "uefi": "UEFI",
    "url": "URL",
    "vlan_id": "VLANID",
}


def _go_name(name: str) -> str:
    return _GO_NAMES.get(name) or "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _go(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_go_name(str(key)): _go(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_go(item) for item in value]
    return value


def _interface(interface: Interface) -> Any:
    """With every field that we know, unset ones too: a Go struct has them all."""
    return _go(interface.model_dump(mode="json"))


def legacy(spec: HardwareSpec) -> dict[str, Any]:
    """`.Hardware`."""
    return {
        "Disks": [disk.device for disk in spec.disks],
        "Interfaces": [_interface(interface) for interface in spec.interfaces],
        "UserData": spec.userData or "",
        "VendorData": spec.vendorData or "",
        "Metadata": _go(spec.metadata or {}),
    }


def data(hardware: Mapping[str, Any], hardware_map: Mapping[str, str]) -> dict[str, Any]:
    """All of it. A key of the map may shadow `.Hardware` and the like, as upstream allows."""
    return {
        "Hardware": legacy(HardwareSpec.model_validate(hardware)),
        "hardware": dict(hardware),
        "references": {},
        **hardware_map,
    }
