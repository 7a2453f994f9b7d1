"""Hardware as the netboot service gets it."""

from osie.tink.domain.netboot import interfaces, toggles, with_netboot

SPEC = {
    "agentID": "rack-7",
    "interfaces": [
        {
            "dhcp": {
                "mac": "52-54-00-12-34-56",
                "hostname": "m1",
                "lease_time": 60,
                "name_servers": ["1.1.1.1"],
                "ip": {"address": "10.0.0.2", "netmask": "255.255.255.0", "gateway": "10.0.0.1"},
                "vlan_id": 7,
            },
            "netboot": {"allowPXE": False, "osie": {"kernelParams": ["a=b"]}},
        },
        {"dhcp": {"mac": "52:54:00:12:34:57"}, "disableDhcp": True},
        {"netboot": {"allowPXE": True}},
    ],
}


def test_fields_are_what_boots_needs() -> None:
    """Each interface with a hardware address becomes one record, its address in normal form."""
    found, _ = interfaces(SPEC)
    assert (found.mac, found.agent_id, found.hostname, found.lease_s) == (
        "52:54:00:12:34:56",
        "rack-7",
        "m1",
        60,
    )
    assert (found.address, found.gateway, found.vlan_id) == ("10.0.0.2", "10.0.0.1", "7")
    assert (found.allow_pxe, found.allow_workflow, found.kernel_parameters) == (False, True, ("a=b",))


def test_an_interface_without_our_dhcp_is_known_all_the_same() -> None:
    """DHCP alone is another server's; without `netboot` the machine is left to its disk."""
    first, second = interfaces(SPEC)
    assert (first.dhcp, second.dhcp) == (True, False)
    assert (second.mac, second.allow_pxe) == ("52:54:00:12:34:57", False)


def test_a_toggle_shows_in_the_flags_and_leaves_the_rest() -> None:
    """A toggled netboot replaces allowPXE alone; with none, the operator's word stands."""
    found, _ = interfaces(with_netboot(SPEC, True))
    assert found.allow_pxe
    assert found.kernel_parameters == ("a=b",)
    assert with_netboot(SPEC, None) == SPEC
    assert toggles(SPEC) == [False, None, True]
