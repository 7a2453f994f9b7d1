"""Addresses that the server's DHCP can't hand out: told where the server knows its own network."""

from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest

from osie.tink.domain.hardware import HardwareSpec
from osie.tink.domain.served_network import ServedNetwork

MAC = "52:54:00:00:00:10"
SERVED = ServedNetwork(
    IPv4Interface("10.77.0.1/24"), (IPv4Address("10.77.0.100"), IPv4Address("10.77.0.120"))
)
PATH = "spec.interfaces[0].dhcp.ip.address"


def machine(address: str | None, **interface: Any) -> HardwareSpec:
    """One with this address on its only interface."""
    ip = {} if address is None else {"ip": {"address": address}}
    return HardwareSpec.model_validate({"interfaces": [{"dhcp": {"mac": MAC, **ip}, **interface}]})


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("10.77.1.10", ["10.77.1.10 is not handed out", "outside 10.77.0.0/24", "disableDhcp: true"]),
        ("10.76.255.255", ["outside 10.77.0.0/24"]),
        ("10.77.0.100", ["in dynamic_range, 10.77.0.100 to 10.77.0.120", "outside that range"]),
        ("10.77.0.120", ["in dynamic_range"]),
    ],
)
def test_who_gets_no_address_for_sure_is_noted(address: str, words: list[str]) -> None:
    """With the interface, its address, the server's network and what to do; and it is accepted."""
    (note,) = SERVED.notes(machine(address))
    assert note.startswith(f"{PATH}: {address} ")
    for word in (MAC, "10.77.0.0/24", "choose", *words):
        assert word in note
    assert SERVED.faults(machine(address)) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("10.77.0.1", "is this server's own in 10.77.0.0/24"),
        ("10.77.0.0", "is the address of the network 10.77.0.0/24 itself"),
        ("10.77.0.255", "is the broadcast address of 10.77.0.0/24"),
    ],
)
def test_what_no_machine_can_have_is_refused(address: str, words: str) -> None:
    """It would take the server away from everybody, or reach no one."""
    ((path, fault),) = SERVED.faults(machine(address))
    assert (path, fault.startswith(f"{address} {words}: choose another one for {MAC}")) == (PATH, True)
    assert SERVED.notes(machine(address)) == []


@pytest.mark.parametrize(
    ("served", "spec"),
    [
        (SERVED, machine("10.77.0.99")),
        (SERVED, machine("10.77.0.121")),
        (SERVED, machine("10.78.0.10", disableDhcp=True)),
        (SERVED, machine("10.77.0.1", disableDhcp=True)),
        (SERVED, machine(None)),
        (SERVED, machine("")),
        (SERVED, machine("2001:db8::1")),
        (SERVED, HardwareSpec.model_validate({"interfaces": [{}]})),
        (ServedNetwork(SERVED.server), machine("10.77.0.110")),
        (ServedNetwork(IPv4Interface("10.77.0.0/31")), machine("10.77.0.1")),  # a link of two (RFC 3021)
    ],
)
def test_the_rest_is_no_word_worth(served: ServedNetwork, spec: HardwareSpec) -> None:
    """What is handed out, what another server hands out, and what can't be judged."""
    assert (served.faults(spec), served.notes(spec)) == ([], [])


def test_each_interface_is_looked_at() -> None:
    """Each has its own place."""
    spec = HardwareSpec.model_validate({
        "interfaces": [
            {"dhcp": {"mac": MAC, "ip": {"address": "10.77.0.10"}}},
            {"dhcp": {"mac": "52:54:00:00:00:11", "ip": {"address": "10.78.0.10"}}},
        ]
    })  # fmt: skip
    (note,) = SERVED.notes(spec)
    assert note.startswith(
        "spec.interfaces[1].dhcp.ip.address: 10.78.0.10 is not handed out to 52:54:00:00:00:11"
    )
