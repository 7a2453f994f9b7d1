"""Hardware as the netboot service needs it: one record per interface, nothing optional left to guess."""

from collections.abc import Mapping
from typing import Any

from osie.contracts.machine import Machine
from osie.tink.domain.hardware import Dhcp, HardwareSpec, Interface, Ip, Ipxe, Netboot, Osie


def with_netboot(spec: Mapping[str, Any], allowed: bool | None) -> dict[str, Any]:
    """`spec` with every interface's allowPXE as a workflow toggled it; None: as the operator wrote it."""
    if allowed is None:
        return dict(spec)
    interfaces = [
        {**interface, "netboot": {**(interface.get("netboot") or {}), "allowPXE": allowed}}
        for interface in spec.get("interfaces") or ()
    ]
    return {**spec, "interfaces": interfaces} if interfaces else dict(spec)


def toggles(spec: Mapping[str, Any]) -> list[object]:
    """What the operator wrote about allowPXE, interface by interface."""
    return [(i.get("netboot") or {}).get("allowPXE") for i in spec.get("interfaces") or ()]


def interfaces(spec: Mapping[str, Any]) -> list[Machine]:
    """The interfaces of a Hardware's spec that can netboot: those with a hardware address."""
    hardware = HardwareSpec.model_validate(spec)
    return [
        _interface(hardware.agentID or interface.dhcp.mac, interface, interface.dhcp)
        for interface in hardware.interfaces
        if interface.dhcp is not None
    ]


def _interface(agent_id: str, interface: Interface, dhcp: Dhcp) -> Machine:
    netboot = interface.netboot or Netboot()
    ip, ipxe, osie = dhcp.ip or Ip(), netboot.ipxe or Ipxe(), netboot.osie or Osie()
    return Machine(
        mac=dhcp.mac,
        hostname=dhcp.hostname,
        address=ip.address,
        netmask=ip.netmask,
        gateway=ip.gateway,
        name_servers=dhcp.name_servers,
        time_servers=dhcp.time_servers,
        routes=tuple((one.destination_descriptor, one.router) for one in dhcp.classless_static_routes),
        lease_s=dhcp.lease_time,
        agent_id=agent_id,
        allow_pxe=bool(netboot.allowPXE),
        allow_workflow=netboot.allowWorkflow is not False,  # allowPXE is the gate; this one may only close it
        ipxe_url=ipxe.url,
        ipxe_contents=ipxe.contents,
        osie_base_url=osie.baseURL,
        osie_kernel=osie.kernel,
        osie_initrd=osie.initrd,
        kernel_parameters=osie.kernelParams,
        vlan_id=dhcp.vlan_id,
        dhcp=not interface.disableDhcp,
    )
