"""The way out for containers that ask for a network of their own, where Docker Engine runs.

The engine would run iptables some sixty times before it answers, though nearly all containers have the host's
network. So it is told to leave that alone (dockerd.daemon_json), and one rule is made once the worker runs.
"""

from pathlib import Path

from osie.core.process import run

_CONTAINERS = "198.18.0.0/15"  # all that dockerd.daemon_json hands out
_RULE = ("POSTROUTING", "-s", _CONTAINERS, "!", "-d", _CONTAINERS, "-j", "MASQUERADE")


def masquerade() -> None:
    """Make the rule where it isn't there yet. Raises ProcessError."""
    if not Path("/usr/sbin/dockerd").exists():
        return
    if run(["iptables", "-w", "-t", "nat", "-C", *_RULE], check=False).returncode != 0:
        run(["iptables", "-w", "-t", "nat", "-A", *_RULE])
