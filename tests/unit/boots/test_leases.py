"""An address leads to the machine behind it."""

from pathlib import Path

from osie.boots.leases import Leases
from osie.contracts.machine import Machine

NODE = Machine("52:54:00:00:00:10", address="10.0.0.10")


def test_what_was_handed_out_goes_before_what_is_planned() -> None:
    """A reservation counts until someone else was seen to have the address."""
    leases = Leases()
    leases.reserve([NODE])
    assert leases.mac_of("10.0.0.10") == NODE.mac
    leases.saw("52:54:00:00:00:99", "10.0.0.10")
    assert leases.mac_of("10.0.0.10") == "52:54:00:00:00:99"
    assert leases.mac_of("10.0.0.11") is None


def test_leases_outlive_a_restart(tmp_path: Path) -> None:
    """dnsmasq's own record is read; lines that are no IPv4 lease are passed over."""
    record = tmp_path / "leases"
    record.write_text("duid 00:01\n1700000000 52:54:00:00:00:10 10.0.0.10 node-1 *\n1 zz 10.0.0.11 * *\n")
    leases = Leases()
    leases.read(tmp_path / "absent")
    leases.read(record)
    assert leases.mac_of("10.0.0.10") == NODE.mac
    assert leases.mac_of("10.0.0.11") is None


def test_a_lease_in_the_way_of_a_reservation_is_told_once() -> None:
    """The address is for another machine now; a lease without a reservation, and the right one, stay."""
    leases = Leases()
    leases.saw("52:54:00:00:00:99", "10.0.0.10")
    leases.saw("52:54:00:00:00:98", "10.0.0.98")
    assert leases.reserve([NODE]) == [("52:54:00:00:00:99", "10.0.0.10")]
    assert leases.reserve([NODE]) == []
    assert leases.mac_of("10.0.0.10") == NODE.mac
    leases.saw(NODE.mac, "10.0.0.10")
    assert leases.reserve([NODE, Machine("52:54:00:00:00:11", address="10.0.0.10")]) == []
