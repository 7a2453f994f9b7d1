"""What a Hardware says for DHCP, and DHCP can't: told when it is validated, and so when it is applied."""

from typing import Any

import pytest
import yaml

from osie.tink.files.manifest import RefusedError
from osie.tink.service import diffing

PLAIN = {
    "mac": "52:54:00:00:00:10",
    "hostname": "node-1.example.org",
    "lease_time": 86400,
    "name_servers": ["1.1.1.1"],
    "time_servers": ["10.0.0.1"],
    "ip": {"address": "10.0.0.10", "netmask": "255.255.255.0", "gateway": "10.0.0.1"},
    "vlan_id": "7",
    "classless_static_routes": [{"destination_descriptor": "10.1.0.0/16", "router": "10.0.0.2"}],
}


async def told(**dhcp: object) -> list[str]:
    """The warnings of a Hardware with these values, without whose they are; RefusedError has the faults."""
    document: dict[str, Any] = {
        "apiVersion": "tinkerbell.org/v1alpha1",
        "kind": "Hardware",
        "metadata": {"name": "m"},
        "spec": {"interfaces": [{"dhcp": {**PLAIN, **dhcp}}]},
    }
    verdict = await diffing.validate([("m.yaml", yaml.safe_dump(document))])
    return [line.removeprefix("Hardware default/m: spec.interfaces[0].dhcp.") for line in verdict.notes]


def ip(**values: str) -> dict[str, str]:
    """An interface's `ip`, right but for `values`."""
    return {"address": "10.0.0.10", **values}


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"lease_time": 4294967294, "vlan_id": 7},  # as upstream's playground has it
        {"hostname": "1042", "vlan_id": "0", "lease_time": 0, "ip": ip(netmask="255.255.255.255")},
        {"hostname": "node.", "vlan_id": "", "ip": None, "name_servers": None},
        {"classless_static_routes": [{"destination_descriptor": "0.0.0.0/0", "router": "0.0.0.0"}]},
    ],
)
async def test_what_dhcp_can_tell_is_no_word_worth(plain: dict[str, object]) -> None:
    """No warning where all of it arrives."""
    assert await told(**plain) == []


@pytest.mark.parametrize(
    ("odd", "places"),
    [
        ({"time_servers": ["pool.ntp.org", "10.0.0.1"]}, ["time_servers[0]"]),
        ({"name_servers": ["2001:db8::1", "1.1.1.1", "not-an-ip"]}, ["name_servers[0]", "name_servers[2]"]),
        ({"name_servers": [f"10.0.0.{n}" for n in range(1, 11)]}, ["name_servers"]),
        ({"hostname": "node_1"}, ["hostname"]),
        ({"hostname": "nöde"}, ["hostname"]),
        ({"hostname": "n" * 64}, ["hostname"]),
        ({"lease_time": 99999999999}, ["lease_time"]),
        ({"lease_time": 60}, ["lease_time"]),
        ({"vlan_id": "4095"}, ["vlan_id"]),
        ({"vlan_id": "7,8"}, ["vlan_id"]),
        ({"ip": ip(address="2001:db8::10", netmask="ffff:ffff:ffff:ffff::")}, ["ip.address"]),
        ({"ip": ip(address="2001:db8::10")}, ["ip.address"]),
        ({"ip": ip(gateway="2001:db8::1")}, ["ip.gateway"]),
        (
            {"classless_static_routes": [{"destination_descriptor": "2001:db8::/32", "router": "fe80::1"}]},
            ["classless_static_routes[0]"],
        ),
    ],
)
async def test_what_dhcp_cannot_tell_is_a_warning(odd: dict[str, object], places: list[str]) -> None:
    """Upstream takes it, so it is accepted, and said at which place what doesn't arrive."""
    assert [line.partition(": ")[0] for line in await told(**odd)] == places


@pytest.mark.parametrize(
    ("impossible", "place"),
    [
        ({"ip": ip(netmask="0.0.0.255")}, "ip.netmask"),
        ({"ip": ip(netmask="255.0.255.0")}, "ip.netmask"),
        ({"ip": ip(netmask="24")}, "ip.netmask"),
        ({"ip": ip(address="10.0.0.0/24")}, "ip.address"),
        ({"ip": ip(address="255.255.255.255")}, "ip.address"),
        ({"vlan_id": "vlan7"}, "vlan_id"),
        ({"mac": "00:00:00:00:00:00"}, "mac"),
        ({"mac": "01:00:5e:00:00:01"}, "mac"),
        ({"mac": "ff:ff:ff:ff:ff:ff"}, "mac"),
        (
            {"classless_static_routes": [{"destination_descriptor": "10.1.0.1/16", "router": "10.0.0.2"}]},
            "classless_static_routes[0].destination_descriptor",
        ),
        (
            {"classless_static_routes": [{"destination_descriptor": "10.1.0.0/16"}]},
            "classless_static_routes[0].router",
        ),
    ],
)
async def test_what_cannot_be_meant_is_refused(impossible: dict[str, object], place: str) -> None:
    """An error at its place, before anything is stored."""
    with pytest.raises(RefusedError) as refused:
        await told(**impossible)
    assert [fault.path for fault in refused.value.faults] == [f"spec.interfaces[0].dhcp.{place}"]


async def test_two_interfaces_cannot_have_one_address() -> None:
    """DHCP hands it out to one of them only, also where IPv6's spelling differs."""
    document = {
        "apiVersion": "tinkerbell.org/v1alpha1",
        "kind": "Hardware",
        "metadata": {"name": "m"},
        "spec": {
            "interfaces": [
                {"dhcp": {"mac": f"52:54:00:00:00:0{number}", "ip": {"address": address}}}
                for number, address in enumerate(["10.0.0.10", "2001:db8::1", "10.0.0.10", "2001:DB8:0::1"])
            ]
        },
    }
    with pytest.raises(RefusedError) as refused:
        await diffing.validate([("m.yaml", yaml.safe_dump(document))])
    assert [(fault.path, fault.message) for fault in refused.value.faults] == [
        ("spec.interfaces", "IP address 10.0.0.10 occurs twice"),
        ("spec.interfaces", "IP address 2001:db8::1 occurs twice"),
    ]
