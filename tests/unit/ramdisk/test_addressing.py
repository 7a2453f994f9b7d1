"""Static and leased addressing, and the commands and files made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.contracts.kernel_parameters import parse
from osie.core.errors import OsieError
from osie.ramdisk import addressing, network
from osie.ramdisk.addressing import Addressing


def test_ipam_with_every_field() -> None:
    """`ipam=` fixes interface, VLAN, address, names and time servers."""
    fixed = addressing.parse_ipam(
        "52-54-00-00-00-01:7:10.0.0.5:255.255.255.0:10.0.0.1:box:1.1.1.1,8.8.8.8:a.b,c.d:10.0.0.2"
    )
    assert (fixed.mac, fixed.vlan_id) == ("52:54:00:00:00:01", "7")
    assert fixed.addressing == Addressing(
        address="10.0.0.5/24", gateway="10.0.0.1", name_servers=("1.1.1.1", "8.8.8.8"),
        search=("a.b", "c.d"), time_servers=("10.0.0.2",), hostname="box",
    )  # fmt: skip


def test_ipam_without_an_address_means_dhcp() -> None:
    """Empty fields are allowed: without an address, the NIC and VLAN are fixed and DHCP does the rest."""
    fixed = addressing.parse_ipam("52-54-00-00-00-01:7:::::::")
    assert (fixed.mac, fixed.vlan_id, fixed.addressing) == ("52:54:00:00:00:01", "7", None)


@given(st.text())
def test_ipam_is_understood_or_refused(text: str) -> None:
    """Whatever stands there, the answer is an addressing or one clear error."""
    try:
        addressing.parse_ipam(text)
    except OsieError as error:
        assert "ipam=" in str(error)


@pytest.mark.parametrize("text", ["dhcp", "on", "both", ":::::eth0:dhcp", "10.0.0.5::::::dhcp", ""])
def test_ip_that_asks_for_dhcp(text: str) -> None:
    """The kernel's `ip=` with an autoconf word is DHCP."""
    fixed = addressing.parse_ip(text)
    assert (fixed.addressing, fixed.warning) == (None, "")


def test_ip_that_is_an_address_alone() -> None:
    """The fields after the first may lack: as with the kernel, the address's class gives the netmask."""
    assert addressing.parse_ip("10.0.0.5").addressing == Addressing(address="10.0.0.5/8")


@pytest.mark.parametrize(
    "text",
    ["eth0:dhcp", "auto6", "[2001:db8::5]::[2001:db8::1]:64::eth0:none", "2001:db8::5", "10.0.0.999", "::x"],
)
def test_ip_of_another_form_is_told_and_means_dhcp(text: str) -> None:
    """Forms that other programs have for `ip=` don't keep the network down: they are told, and it is DHCP."""
    fixed = addressing.parse_ip(text)
    assert fixed.addressing is None
    assert fixed.warning.startswith(f"ip={text} is not client:")


@given(st.text())
def test_any_ip_is_survived(text: str) -> None:
    """Whatever stands there, there is an addressing or a warning; never an error."""
    addressing.parse_ip(text)


def test_ip_that_is_static() -> None:
    """The kernel's `ip=` with an address is static; without a netmask the old classes decide."""
    fixed = addressing.parse_ip("192.168.1.9::192.168.1.1::box:eth1:off:9.9.9.9")
    assert fixed.interface == "eth1"
    assert fixed.addressing == Addressing(
        address="192.168.1.9/24", gateway="192.168.1.1", name_servers=("9.9.9.9",), hostname="box"
    )


def test_the_most_specific_parameter_wins() -> None:
    """`ipam=` goes before `ip=`, and its MAC and VLAN before `hw_addr=` and `vlan_id=`."""
    wanted = network.wishes(
        parse("ipam=52-54-00-00-00-01:7::::::: ip=1.2.3.4::::: hw_addr=52:54:00:00:00:09 vlan_id=8")
    )
    assert (wanted.mac, wanted.vlan_id, wanted.addressing) == ("52:54:00:00:00:01", "7", None)


def test_a_lease() -> None:
    """What udhcpc tells becomes an addressing; with classless routes the router is ignored (RFC 3442)."""
    told = {"ip": "10.0.0.5", "subnet": "255.255.0.0", "router": "10.0.0.1", "dns": "10.0.0.2 10.0.0.3",
            "domain": "lab", "ntpsrv": "10.0.0.4", "hostname": "m1", "mtu": "1400"}  # fmt: skip
    lease = addressing.parse_lease(told)
    assert lease.address == "10.0.0.5/16"
    assert lease.gateway == "10.0.0.1"
    assert (lease.name_servers, lease.time_servers, lease.mtu) == (
        ("10.0.0.2", "10.0.0.3"),
        ("10.0.0.4",),
        1400,
    )
    routed = addressing.parse_lease({**told, "staticroutes": "0.0.0.0/0 10.0.0.9 10.8.0.0/16 10.0.0.8"})
    assert routed.gateway == ""
    assert routed.routes == (("0.0.0.0/0", "10.0.0.9"), ("10.8.0.0/16", "10.0.0.8"))


def test_a_lease_without_an_address_is_an_error() -> None:
    """An answer that has no address is told as such."""
    with pytest.raises(OsieError, match="no usable address"):
        addressing.parse_lease({"router": "10.0.0.1"})


def test_commands_for_a_router_of_another_network() -> None:
    """A /32 lease (clouds): the router is made reachable on the link first."""
    lines = [
        " ".join(line) for line in addressing.commands(Addressing("10.0.0.5/32", gateway="10.0.0.1"), "e0")
    ]
    assert lines[1:] == [
        "ip route replace 10.0.0.1 dev e0 scope link",
        "ip route replace default via 10.0.0.1 dev e0",
    ]


def test_commands_when_the_address_changes() -> None:
    """On renewal, the new address is there before the old one goes."""
    lines = addressing.commands(Addressing("10.0.0.6/24"), "e0", Addressing("10.0.0.5/24"))
    assert [line[2] for line in lines] == ["replace", "del"]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("box.lab.example", "box.lab.example"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "a" * 64),
        ("box." + "b" * 59 + ".c", "box." + "b" * 59),
        ("box." + "b" * 60 + ".c", "box." + "b" * 60),
        ("box." + "b" * 61 + ".c", "box"),
        ("é" * 40, "é" * 32),
        ("." + "a" * 70, "." + "a" * 63),
    ],
)
def test_a_hostname_that_is_too_long_is_cut(given: str, taken: str) -> None:
    """The kernel takes 64 bytes and refuses more: a longer one ends at a dot where it has one."""
    assert addressing.fitting(given) == taken


def test_name_resolution_never_looks_like_a_hang() -> None:
    """resolv.conf has short timeouts."""
    assert addressing.resolv_conf(["10.0.0.2"], ["lab"]) == (
        "search lab\nnameserver 10.0.0.2\noptions timeout:2 attempts:2\n"
    )


def test_a_value_in_a_file_of_names_stays_one_word() -> None:
    """A name server that is no address, a domain or host name with a blank or a newline: not written."""
    told = addressing.resolv_conf(
        ["10.0.0.2\noptions x", "dns", "fd00::1"], ["lab", "a b", "c\nnameserver 6.6.6.6"]
    )
    assert told == "search lab\nnameserver fd00::1\noptions timeout:2 attempts:2\n"
    assert addressing.hosts("node 1.2.3.4", "10.0.0.9/24") == "127.0.0.1 localhost\n::1 localhost\n"
    assert addressing.hosts("node_1", "10.0.0.9/24").endswith("\n10.0.0.9 node_1\n")


def test_vlan_names_fit() -> None:
    """A VLAN interface's name is never longer than the kernel allows."""
    assert network.vlan_command("eth0", 2, "5")[0] == "eth0.5"
    longest = [network.vlan_command(f"enp175s0f{port}np{port}", port + 2, "4000")[0] for port in (0, 1)]
    assert longest == ["vlan4000-2", "vlan4000-3"], "two NICs never share one"
    assert len(network.vlan_command("enx525400051ef0", 99999, "4094")[0]) <= 15
