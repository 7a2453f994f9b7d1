"""dnsmasq's files are right for what they're made of, and its log is read for what it is."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.boots import dnsmasq
from osie.boots.config import BootsConfig
from osie.contracts.machine import Machine
from osie.core.errors import OsieError

CONFIG = BootsConfig(interface="lan0", address="10.0.0.1", artifacts=Path("/a"), state_dir=Path("/s"))
LOADERS = {"bios": "undionly.kpxe", "efi-x64": "snponly.efi"}
NODE = Machine("52:54:00:00:00:10", hostname="node-1", address="10.0.0.10", lease_s=600)
TAGS = "tag:octet1-52,tag:octet2-54,tag:octet3-00,tag:octet4-00,tag:octet5-00,tag:octet6-10"
NASTY = st.text(st.sampled_from("ab1.-,:\n #=$é")) | st.text()


def test_each_architecture_is_matched_to_its_loader() -> None:
    """Firmware gets an iPXE that fits it, iPXE gets a script; what we have no binary for gets nothing."""
    text = dnsmasq.render(CONFIG, LOADERS)
    assert "dhcp-boot=tag:ipxe,http://10.0.0.1:7171/auto.ipxe\n" in text
    assert "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe,,10.0.0.1\n" in text
    assert "dhcp-boot=tag:!ipxe,tag:efi-x64,snponly.efi,,10.0.0.1\n" in text
    assert "dhcp-boot=tag:!ipxe,tag:http-x64,http://10.0.0.1:7171/ipxe/snponly.efi\n" in text
    assert "dhcp-option-force=tag:http-x64,60,HTTPClient\n" in text
    assert "dhcp-boot=tag:!ipxe,tag:efi-arm64" not in text


def test_dns_is_off_and_one_interface_is_served() -> None:
    """A netboot service must not answer DNS, nor DHCP on another network."""
    lines = dnsmasq.render(CONFIG, LOADERS).splitlines()
    assert {"port=0", "bind-interfaces", "interface=lan0", "except-interface=lo"} <= set(lines)
    assert "dhcp-range=10.0.0.1,static,7200" in lines


@pytest.mark.parametrize("folder", ["/s,1", '/s"', "/a #b", "/a\nport=53"])
def test_a_folder_that_dnsmasq_reads_as_something_else_is_refused(folder: str) -> None:
    """Its values end at commas, and its lines at '#'; the error names the folder."""
    with pytest.raises(OsieError, match="dnsmasq can't be told of"):
        dnsmasq.render(replace(CONFIG, state_dir=Path(folder)), LOADERS)


def test_without_tftp_only_http_boots() -> None:
    """TFTP can be left to someone else."""
    config = BootsConfig("lan0", "10.0.0.1", Path("/a"), Path("/s"), tftp=False)
    text = dnsmasq.render(config, LOADERS)
    assert "tftp" not in text
    assert "tag:bios,undionly" not in text
    assert "tag:http-x64" in text


def test_a_reservation_has_address_name_and_lease() -> None:
    """One line for dnsmasq's dhcp-hostsfile."""
    assert dnsmasq.render_hosts([NODE]) == "52:54:00:00:00:10,10.0.0.10,node-1.,600\n"


def test_no_reservation_has_a_tag() -> None:
    """dnsmasq before 2.91 dies of one when it reads its files again."""
    assert "set:" not in dnsmasq.render_hosts([NODE, Machine("52:54:00:00:00:11")])


def test_an_interface_that_is_another_servers_is_ignored() -> None:
    """Not even as a stranger is it given an address, and nobody else gets its own."""
    other = Machine("52:54:00:00:00:11", address="10.0.0.11", gateway="10.0.0.1", dhcp=False)
    assert dnsmasq.render_hosts([other]) == "52:54:00:00:00:11,10.0.0.11,ignore\n"
    assert dnsmasq.render_options([other]) == ""


def test_an_address_or_mac_given_twice_stays_with_the_first() -> None:
    """dnsmasq would refuse to start over it."""
    other = Machine("52:54:00:00:00:11", address="10.0.0.10")
    assert dnsmasq.render_hosts([NODE, NODE, other]).splitlines()[1:] == ["52:54:00:00:00:11"]


def test_a_machines_options_are_its_own() -> None:
    """Router, name servers and time servers are tagged by its address; what it hasn't got isn't sent."""
    machine = Machine("52:54:00:00:00:10", gateway="10.0.0.254", name_servers=("1.1.1.1", "x", "1.0.0.1"))
    assert dnsmasq.render_options([machine]) == (f"{TAGS},3,10.0.0.254\n{TAGS},6,1.1.1.1,1.0.0.1\n")


@given(hostname=NASTY, address=NASTY, servers=st.lists(NASTY, max_size=3))
def test_values_never_become_directives(hostname: str, address: str, servers: list[str]) -> None:
    """Whatever stands in a resource, each machine has one reservation of at most four words."""
    machine = Machine("52:54:00:00:00:10", hostname=hostname, address=address, name_servers=tuple(servers))
    hosts = dnsmasq.render_hosts([machine])
    assert hosts.count("\n") == 1
    assert hosts.isascii()
    assert len(hosts.split(",")) <= 4
    for line in dnsmasq.render_options([machine]).splitlines():
        assert line.startswith(f"{TAGS},")


@pytest.mark.parametrize("prefix", ["dnsmasq-dhcp[7]: 2848873017 ", "dnsmasq-dhcp: ", "dnsmasq-dhcp[7]: "])
def test_a_lease_is_read_from_the_log(prefix: str) -> None:
    """With and without log-dhcp's transaction, with and without a host name."""
    for suffix in ("", " node-1"):
        line = f"{prefix}DHCPACK(lan0) 10.0.0.10 52:54:00:00:00:10{suffix}"
        assert dnsmasq.read_log(line) == dnsmasq.Seen("ack", "52:54:00:00:00:10", "10.0.0.10")


def test_a_discovery_without_an_address_is_read() -> None:
    """A machine with no reservation, where there is no dynamic range."""
    line = "dnsmasq-dhcp[7]: 1 DHCPDISCOVER(lan0) 52:54:00:00:00:10 no address available"
    assert dnsmasq.read_log(line) == dnsmasq.Seen("discover", "52:54:00:00:00:10", "", refused=True)


def test_a_clients_own_words_are_no_lease() -> None:
    """A vendor class that looks like an acknowledgement is only a vendor class."""
    words = "DHCPACK(lan0) 10.0.0.10 52:54:00:00:00:10"
    assert dnsmasq.read_log(f"dnsmasq-dhcp[7]: 1 vendor class: {words}") is None


@given(st.text())
def test_no_line_is_too_odd(line: str) -> None:
    """Any text is a lease, a discovery or nothing."""
    dnsmasq.read_log(line)
