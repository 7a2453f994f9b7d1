"""udhcpc with our script against a real dnsmasq, over a pair of interfaces in network namespaces."""

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import osie
from osie.core.process import run

_SCRIPT = Path(osie.__file__).parent / "ramdisk/root/usr/lib/osie/dhcp-event"
_CLIENT = """
import subprocess, sys
from pathlib import Path
from osie.ramdisk import addressing, dhcp, nic, waiting
with nic.Announcements.of_links() as changes:
    linked = waiting.until(lambda: nic.linked(["machine"]), deadline_s=10, every_s=1, waker=changes)
assert linked == "machine"
client = dhcp.Client("machine", lambda lease: None, script=Path(sys.argv[1]), run=Path(sys.argv[2]))
lease = client.acquire(20)
subprocess.run(["busybox", *addressing.mtu_command(lease.mtu, "machine")], check=True)
for command in addressing.commands(lease, "machine"):
    subprocess.run(["busybox", *command], check=True)
assert subprocess.run(["busybox", *addressing.mtu_command(70000, "machine")]).returncode  # more than it can
for command in addressing.commands(lease, "machine"):  # repeatable: after a restart of ours
    subprocess.run(["busybox", *command], check=True)
print(lease)
subprocess.run(["ip", "-4", "addr", "show", "machine"], check=True)
subprocess.run(["ip", "route"], check=True)
client.close()
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[str]:
    """A namespace whose interface `machine` leads to a dnsmasq in another one."""
    if not shutil.which("dnsmasq"):
        pytest.skip("dnsmasq isn't installed")
    tag = uuid.uuid4().hex[:6]
    server, client = f"rd-s-{tag}", f"rd-c-{tag}"
    daemon: subprocess.Popen[bytes] | None = None
    try:
        for name in (server, client):
            run(["ip", "netns", "add", name])
        run(["ip", "-n", server, "link", "add", "server", "type", "veth", "peer", "machine", "netns", client])
        run(["ip", "-n", server, "addr", "add", "10.77.0.1/24", "dev", "server"])
        for name, interface in ((server, "server"), (server, "lo"), (client, "machine"), (client, "lo")):
            run(["ip", "-n", name, "link", "set", interface, "up"])
        daemon = subprocess.Popen(
            ["ip", "netns", "exec", server, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
             "--interface=server", "--bind-interfaces", "--port=0", "--no-ping", "--user=root",
             f"--dhcp-leasefile={tmp_path}/leases", "--pid-file=", "--dhcp-authoritative",
             "--dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0,1h", "--dhcp-option=option:router,10.77.0.1",
             "--dhcp-option=option:dns-server,10.77.0.2,10.77.0.3",
             "--dhcp-option=option:ntp-server,10.77.0.4",
             "--dhcp-option=option:mtu,1400"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        yield client
    finally:
        if daemon is not None:
            daemon.terminate()
            daemon.wait()
        for name in (server, client):
            run(["ip", "netns", "del", name], check=False)


def test_a_lease_is_acquired_and_applied(machine: str, tmp_path: Path) -> None:
    """Carrier, lease, address, route, MTU and servers: as in the booted machine, by the same code."""
    done = run(
        ["ip", "netns", "exec", machine, sys.executable, "-c", _CLIENT, _SCRIPT, tmp_path],
        env={"PYTHONPATH": str(Path(osie.__file__).parents[1])},
        timeout_s=60,
    )
    assert "time_servers=('10.77.0.4',)" in done.stdout
    assert "name_servers=('10.77.0.2', '10.77.0.3')" in done.stdout
    assert "mtu 1400" in done.stdout
    assert "default via 10.77.0.1 dev machine" in done.stdout


_KILLED = """
import os, queue, signal, sys
from pathlib import Path
from osie.ramdisk import dhcp
heard = queue.Queue()
run = Path(sys.argv[2])
client = dhcp.Client("machine", heard.put, lambda: heard.put("ended"), script=Path(sys.argv[1]), run=run)
first = client.acquire(20)
os.kill(int((run / "udhcpc-machine.pid").read_text()), signal.SIGKILL)
assert heard.get(timeout=20) == "ended"
assert heard.get(timeout=20) == first
client.close()
assert heard.empty()
"""


def test_a_client_that_died_is_started_again(machine: str, tmp_path: Path) -> None:
    """SIGKILL after the first lease: another one holds it, so that it is renewed; a closed one stays away."""
    run(
        ["ip", "netns", "exec", machine, sys.executable, "-c", _KILLED, _SCRIPT, tmp_path],
        env={"PYTHONPATH": str(Path(osie.__file__).parents[1])},
        timeout_s=60,
    )


def test_a_silent_network_is_told(machine: str, tmp_path: Path) -> None:
    """Where no server answers, the error names the interface and how long it waited."""
    client = (
        "import sys; from pathlib import Path; from osie.ramdisk import dhcp\n"
        "dhcp.Client('lo', lambda lease: None, script=Path(sys.argv[1]), run=Path(sys.argv[2])).acquire(1.0)"
    )
    done = run(
        ["ip", "netns", "exec", machine, sys.executable, "-c", client, _SCRIPT, tmp_path],
        env={"PYTHONPATH": str(Path(osie.__file__).parents[1])},
        timeout_s=60,
        check=False,
    )
    assert "no DHCP server answered on lo within 1 s" in done.stderr
