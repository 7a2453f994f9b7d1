"""How a boot's phases are read from the console."""

import pytest

from bench.boot_times import PHASES, Boot

_LINES = [
    (100.0, "[    0.000000] Linux version 6.12"),
    (103.31, "osie: init ok at=3.300 took=0.300"),
    (104.02, "osie: parameters start at=4.000"),
    (104.03, "osie: parameters ok at=4.010 took=0.010 server=10.0.0.1:42113"),
    (104.51, "osie: clock ok at=4.500 took=0.100 source=rtc"),
    (105.01, "osie: devices ok at=5.000 took=0.900 disks=1"),
    (105.51, "osie: network ok at=5.500 took=0.500 interface=eth0"),
    (107.01, "osie: engine ok at=7.000 took=2.900 version=26.1.5"),
    (108.30, "osie: worker ok at=8.000 took=0.500 image=osie/tink-worker:embedded"),  # the line was late
    (108.31, "osie: root at=8.010 read_bytes=40000000"),
]


def test_phases_in_the_guest_s_seconds() -> None:
    """Each phase begins and ends; GetAction is put on the guest's clock by the line that came soonest."""
    boot = Boot.read(_LINES, asked_at=109.51)
    assert tuple(boot.ends) == PHASES
    assert boot.ends["kernel"] == pytest.approx(3.0)
    assert (boot.starts["python"], boot.ends["python"]) == (3.3, 4.0)
    assert boot.starts["engine"] == pytest.approx(4.1)
    assert boot.ends["get_action"] == pytest.approx(9.5)
    assert boot.read_bytes == 40_000_000


def test_a_step_that_was_done_again_counts_once() -> None:
    """After an engine's restart, the first `engine ok` is the boot's."""
    boot = Boot.read([*_LINES, (120.0, "osie: engine ok at=20.000 took=1.000")], asked_at=109.51)
    assert boot.ends["engine"] == 7.0
