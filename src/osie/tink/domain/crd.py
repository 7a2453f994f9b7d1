"""Upstream's resources, field by field: their JSON names, and what a field is that isn't told.

A field that isn't told has its zero value, as it stands here, and a list is empty; a struct that isn't told
(a mapping here) is nil. None: anything may stand there. From tinkerbell/tinkerbell at 9111b51, api/v1alpha1.
"""

from typing import Any

INTERFACE: dict[str, Any] = {
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
METADATA: dict[str, Any] = {
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
HARDWARE: dict[str, Any] = {
    "agentID": "",
    "auto": {"enrollmentEnabled": False},
    "bmcRef": {"apiGroup": "", "kind": "", "name": ""},
    "interfaces": [INTERFACE],
    "references": None,  # by names of the operator's own
    "metadata": METADATA,
    "tinkVersion": 0,
    "disks": [{"device": ""}],
    "resources": None,
    "userData": "",
    "vendorData": "",
}
TEMPLATE: dict[str, Any] = {"data": ""}
WORKFLOW: dict[str, Any] = {
    "disabled": False,
    "templateRef": "",
    "hardwareRef": "",
    "hardwareMap": None,
    "bootOptions": {
        "toggleAllowNetboot": False,
        "isoURL": "",
        "bootMode": "",
        "custombootConfig": None,  # actions of a BMC
    },
}
# What Kubernetes keeps beside a resource (ObjectMeta of k8s.io/apimachinery).
OBJECT_META: dict[str, Any] = {
    "name": "",
    "generateName": "",
    "namespace": "",
    "selfLink": "",
    "uid": "",
    "resourceVersion": "",
    "generation": 0,
    "creationTimestamp": "",
    "deletionTimestamp": "",
    "deletionGracePeriodSeconds": 0,
    "labels": None,
    "annotations": None,
    "ownerReferences": None,
    "finalizers": None,
    "managedFields": None,
    "clusterName": "",
    "createdAt": "",  # ours: `osie get -o yaml` prints them
    "updatedAt": "",
}
