"""The lab's network on a real kernel: what is there while it lives, and nothing afterwards."""

import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from osie.core.process import run
from osie.core.router_advertisement import message
from osie.lab import owner
from osie.lab.namespace import inside
from osie.lab.network import Network, sweep

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

HOLDER = """
import pathlib, sys, time
from osie.core.interruption import terminable
from osie.lab.network import Network
with terminable(), Network() as network:
    child = network.popen(["sleep", "1000"])
    # setpriv(1) asks the kernel to end it with us: killed before that, we would leave it to the next sweep
    while pathlib.Path(f"/proc/{child.pid}/comm").read_text() != "sleep\\n":
        time.sleep(0.01)
    print(network.name, child.pid, flush=True)
    time.sleep(1000)
"""


def namespaces() -> set[str]:
    """The lab's namespaces of dead and living labs that are there, as `ip` and the mount table know them."""
    listed = {line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line.strip()}
    mounted = {Path(line.split()[4]).name for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    folder = Path("/run/osie/lab")
    folders = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {name for name in listed | mounted | folders if owner.owner_of(name)}


def host_links() -> str:
    """The host's own network, as a lab must leave it."""
    return run(["ip", "-oneline", "link"]).stdout


def alive(pid: int) -> bool:
    """Whether the process runs."""
    return owner.started_ticks(pid) is not None


@pytest.fixture
def holder() -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """Another process with a lab: it, the namespace's name, and a child in there."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        name, pid = process.stdout.readline().split()
        yield process, name, int(pid)
        process.kill()
        process.wait()
    sweep()


def test_network_is_isolated_and_goes() -> None:
    """It has a bridge with the subnet's first address and ports; the host sees none of it, then or later."""
    before = host_links()
    with Network("10.99.0.0/24") as network:
        assert network.address == "10.99.0.1"
        network.add_tap()
        links = network.run(["ip", "-brief", "address"])
        assert "10.99.0.1/24" in links and "tap0" in links
        assert host_links() == before
        assert network.name in namespaces()
    assert host_links() == before
    assert network.name not in namespaces()


def test_what_still_runs_is_ended() -> None:
    """Children end with the network, also those that ignore SIGTERM, and what they started themselves."""
    with Network() as network:
        polite = network.popen(["sleep", "1000"])
        command = ["sh", "-c", "setsid sleep 1002 & echo $!; wait"]
        parent = network.popen(command, stdout=subprocess.PIPE)
        stubborn = network.popen(
            ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1003; done"], stdout=subprocess.PIPE
        )
        assert parent.stdout is not None and stubborn.stdout is not None
        with stubborn.stdout:
            stubborn.stdout.readline()
        with parent.stdout:
            orphan = int(parent.stdout.readline())
        assert alive(orphan)
    assert polite.returncode == -signal.SIGTERM
    assert stubborn.returncode == -signal.SIGKILL
    assert not alive(parent.pid) and not alive(orphan)


def test_error_inside_removes_it() -> None:
    """An exception in the body leaves nothing, and passes through."""
    with pytest.raises(ZeroDivisionError), Network() as network:
        _ = 1 / 0
    assert network.name not in namespaces()


def test_our_socket_in_the_network() -> None:
    """A socket of ours can listen in there: who is inside reaches it, who is outside does not."""
    with Network() as network, network.listen(7171):
        listening = network.run(["ss", "-Hltn"])
        assert ":7171" in listening
        assert ":7171" not in run(["ss", "-Hltn", "sport", "=", ":7171"]).stdout
        assert inside(network.name, os.getpid) == os.getpid()


def test_router_solicitation_is_answered() -> None:
    """Who asks for an IPv6 router is told at once that there is none; iPXE waits 16 s otherwise."""

    def ask() -> bytes:
        index = socket.if_nametoindex("br0")
        asking = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        with asking:
            asking.settimeout(10)
            asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            asking.sendto(bytes([133, 0, 0, 0, 0, 0, 0, 0]), ("ff02::2", 0, 0, index))
            while (message := asking.recv(1500))[0] != 134:
                pass
            return message

    with Network() as network:
        network.add_tap()
        answer = inside(network.name, ask)
    assert answer[6:8] == b"\0\0", "a router's lifetime of 0: not a default router"
    assert len(answer) == len(message()), "no prefix, so no addresses"


def test_inherited_socket_of_the_host() -> None:
    """A server inside answers the host on a socket that it was given."""
    code = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); c, _ = s.accept();" + (
        r"c.recv(999); c.sendall(b'HTTP/1.0 200 OK\r\n\r\ninside')"
    )
    with Network() as network, socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        server = network.popen([sys.executable, "-c", code, str(descriptor)], pass_fds=[descriptor])
        with urllib.request.urlopen(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=20) as answer:
            assert answer.read() == b"inside"
        server.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_nothing(
    holder: tuple[subprocess.Popen[str], str, int], number: signal.Signals
) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the lab and all that is in it."""
    process, name, child = holder
    assert name in namespaces() and alive(child)
    process.send_signal(number)
    process.wait(20)
    assert name not in namespaces()
    assert not alive(child)


def test_living_lab_is_not_swept(holder: tuple[subprocess.Popen[str], str, int]) -> None:
    """Another lab that starts leaves a living one alone."""
    _, name, child = holder
    sweep()
    assert name in namespaces() and alive(child)


def test_killed_lab_is_swept(holder: tuple[subprocess.Popen[str], str, int]) -> None:
    """A lab that was killed took its children along; the next lab removes its namespace and strays."""
    process, name, child = holder
    ended = os.pidfd_open(child)
    process.kill()
    process.wait()
    assert select.select([ended], [], [], 10)[0], "its child outlived it"
    os.close(ended)
    assert name in namespaces()
    with Network():
        assert name not in namespaces()
