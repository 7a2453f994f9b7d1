"""What a NIC has switched on, beside what ethtool says of it."""

import subprocess

from osie.worker.machine import nic_features


def _ethtool(*argv: str) -> str:
    return subprocess.run(["ethtool", *argv], check=True, capture_output=True, text=True).stdout


def test_the_same_as_ethtool() -> None:
    """The features that are on are those that `ethtool -k` shows as on, by the same names."""
    shown = [line.strip().split(": ") for line in _ethtool("-k", "lo").splitlines()[1:]]
    assert nic_features.enabled("lo") == sorted(name for name, state in shown if state.startswith("on"))


def test_no_such_interface() -> None:
    """An interface that went away meanwhile has nothing switched on, and that is no error."""
    assert nic_features.enabled("osie-none0") == []
