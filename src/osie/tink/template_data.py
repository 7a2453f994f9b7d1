"""What a template may name: the workflow's map, and its hardware in upstream's two spellings."""

from collections.abc import Mapping
from typing import Any

from osie.tink.go_yaml import as_json
from osie.tink.hardware import HardwareSpec
from osie.tink.resources import Resource

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

# Upstream's Go types, by their JSON names: a field that isn't told has its zero value, as it stands here, and
# a list is empty; a struct that isn't told (a mapping here) is nil, and naming a field of it an error.
_INTERFACE: dict[str, Any] = {
    "netboot": {
        "allowPXE": None,
        "allowWorkflow": None,
        "ipxe": {"url": "", "contents": "", "binary": ""},
        "osie": {"baseURL": "", "kernel": "", "initrd": "", "kernelParams": []},
        "pxelinux": {"config": ""},
        "rpi": {"configTxt": "", "firmwarePath": "", "serialNum": ""},
    },
    "isoboot": {"sourceISO": ""},
    "dhcp": {
        "mac": "",
        "hostname": "",
        "domain_name": "",
        "lease_time": 0,
        "name_servers": [],
        "time_servers": [],
        "arch": "",
        "uefi": False,
        "iface_name": "",
        "ip": {"address": "", "netmask": "", "gateway": "", "family": 0},
        "vlan_id": "",
        "classless_static_routes": [{"destination_descriptor": "", "router": ""}],
        "tftp_server_name": "",
        "boot_file_name": "",
    },
    "disableDhcp": False,
}
_SYSTEM = {"slug": "", "distro": "", "version": "", "image_tag": "", "os_slug": ""}
_ADDRESS = {"address": "", "netmask": "", "gateway": "", "family": 0, "public": False, "management": False}
_PARTITION = {"label": "", "number": 0, "size": 0, "start": 0, "type_guid": ""}
_MOUNT = {
    "device": "",
    "format": "",
    "files": [{"path": "", "contents": "", "mode": 0, "uid": 0, "gid": 0}],
    "create": {"force": False, "options": []},
    "point": "",
}
_METADATA: dict[str, Any] = {
    "state": "",
    "bonding_mode": 0,
    "manufacturer": {"id": "", "slug": ""},
    "instance": {
        "id": "",
        "state": "",
        "hostname": "",
        "allow_pxe": False,
        "rescue": False,
        "operating_system": _SYSTEM,
        "always_pxe": False,
        "ipxe_script_url": "",
        "ips": [_ADDRESS],
        "userdata": "",
        "crypted_root_password": "",
        "tags": [],
        "storage": {
            "disks": [{"device": "", "wipe_table": False, "partitions": [_PARTITION]}],
            "raid": [{"name": "", "level": "", "devices": [], "spare": 0}],
            "filesystems": [{"mount": _MOUNT}],
        },
        "ssh_keys": [],
        "network_ready": False,
    },
    "custom": {"preinstalled_operating_system_version": _SYSTEM, "private_subnets": []},
    "facility": {"plan_slug": "", "plan_version_slug": "", "facility_code": ""},
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
        "Interfaces": [_go(each.model_dump(mode="json"), _INTERFACE) for each in spec.interfaces],
        "UserData": spec.userData or "",
        "VendorData": spec.vendorData or "",
        "Metadata": _go(spec.metadata or {}, _METADATA),
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


def data(machine: Resource | None, hardware_map: Mapping[str, str]) -> dict[str, Any]:
    """All of it; the map can't take the names that are always there. `machine`: None where none is meant."""
    return {
        **hardware_map,
        "Hardware": legacy(HardwareSpec.model_validate(machine.spec if machine else {})),
        "hardware": whole(machine) if machine else {"metadata": {}, "spec": {}, "status": {}},
        "references": {},
    }
