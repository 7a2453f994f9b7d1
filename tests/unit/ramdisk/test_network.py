"""What the network step makes of an interface that doesn't do all that it is told."""

from pathlib import Path

import pytest

from osie.ramdisk import network


def test_an_mtu_that_is_refused_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DHCP may tell an MTU above the NIC's: that is a fact to tell, and no error; the NIC works as it is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "ip"
    program.write_text("#!/bin/sh\necho mtu greater than device maximum >&2\nexit 2\n")
    program.chmod(0o755)
    assert "mtu greater than device maximum" in network.mtu_refused(9000, "eth0")
    program.write_text("#!/bin/sh\n")
    assert network.mtu_refused(1400, "eth0") == ""
