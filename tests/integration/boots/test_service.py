"""The service as a whole: it starts complete or not at all, and leaves nothing behind."""

import asyncio
import os
import re
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from osie.boots import subnet
from osie.boots.config import BootsConfig
from osie.boots.service import Boots
from osie.core.errors import OsieError
from osie.core.process import clean_environment, run

KNOWN_MAC = "52:54:00:00:00:10"

# A process that holds the service and nothing else.
PROGRAM = """
import asyncio, logging, sys
import structlog
from pathlib import Path
from osie.boots.config import BootsConfig
from osie.boots.service import Boots
from osie.core.errors import OsieError

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

class Nobody:
    async def find(self, mac): return None
    async def every(self): return []
    async def record(self, mac, event, fields): pass
    async def netbooted(self, netboot, choose): return choose(None)
    async def phoned_home(self, mac, posted, *, itself): pass
    async def log(self, mac, line): pass

async def main():
    artifacts, state = map(Path, sys.argv[1:])
    config = BootsConfig("wire0", "10.77.0.1", artifacts, state)
    try:
        async with Boots(config, Nobody()) as boots:
            print(boots.dnsmasq_pid, flush=True)
            await asyncio.Event().wait()
    except OsieError as error:
        print(error, error.hint, sep="\\n")

asyncio.run(main())
"""


def children() -> set[int]:
    """The processes that are ours."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in listed.split()}


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def test_syslog_is_filed_under_the_machine(wire: Any, config: BootsConfig, machines: Any) -> None:
    """By the source's address; a stranger's lines are filed nowhere."""
    async with Boots(config, machines):
        wire_address = f"{config.address}"
        await wire.client_runs("ip", "address", "add", "10.77.0.66/24", "dev", wire.client_interface)
        send = (
            "import socket,sys; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 0))"
        )
        send += "; s.sendto(sys.argv[3].encode(), (sys.argv[2], 514))"
        await wire.client_runs(sys.executable, "-c", send, "10.77.0.66", wire_address, "<14>stranger: x")
        await wire.client_runs("ip", "address", "add", "10.77.0.10/24", "dev", wire.client_interface)
        await wire.client_runs(sys.executable, "-c", send, "10.77.0.10", wire_address, "<14>osie: init ok")
        assert await machines.told(1) == [(KNOWN_MAC, "osie: init ok")]


async def test_everything_is_released_at_the_end(wire: Any, config: BootsConfig, machines: Any) -> None:
    """The same service can be started again at once, and no process remains."""
    before = children()
    for _ in range(2):
        async with Boots(config, machines) as boots:
            assert boots.dnsmasq_pid in children()
    assert children() == before


@pytest.mark.parametrize(
    ("number", "level", "event"),
    [(signal.SIGTERM, "info", "dnsmasq_told_to_end"), (signal.SIGKILL, "error", "dnsmasq_died")],
)
async def test_a_dnsmasq_that_was_told_to_end_is_no_error(
    wire: Any, config: BootsConfig, machines: Any, number: int, level: str, event: str
) -> None:
    """systemd stops a service by a SIGTERM to each of its processes; and it is started again either way."""
    with capture_logs() as told:
        async with Boots(config, machines) as boots:
            first = boots.dnsmasq_pid
            assert first is not None
            os.kill(first, number)
            async with asyncio.timeout(30):
                while boots.dnsmasq_pid in {None, first}:  # noqa: ASYNC110 - it has no event to wait for
                    await asyncio.sleep(0.01)
    assert [(one["log_level"], one["event"]) for one in told if one["log_level"] != "debug"] == [
        (level, event)
    ]


@pytest.mark.parametrize(
    ("port", "kind", "words"),
    [
        (67, socket.SOCK_DGRAM, "DHCP: port 67/udp is in use on wire0"),
        (69, socket.SOCK_DGRAM, "TFTP: port 69/udp is in use on wire0"),
        (514, socket.SOCK_DGRAM, "syslog can't listen on 10.77.0.1:514/udp: Address already in use"),
        (7171, socket.SOCK_STREAM, "HTTP: port 7171 is in use on 10.77.0.1"),
    ],
)
async def test_a_taken_port_is_one_clear_error(
    wire: Any, config: BootsConfig, machines: Any, port: int, kind: socket.SocketKind, words: str
) -> None:
    """Whichever port it is, it is named, and nothing is left running."""
    before = children()
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(OsieError) as caught:
            async with Boots(config, machines):
                pass
    assert str(caught.value) == words
    assert caught.value.hint
    assert children() == before


async def test_another_dnsmasq_on_the_interface_is_noticed(
    wire: Any, config: BootsConfig, machines: Any, tmp_path: Path
) -> None:
    """dnsmasq itself would share the port with its like, and the two would quarrel over machines."""
    async with Boots(config, machines):
        other = replace(config, state_dir=tmp_path / "other", http_port=7272, syslog_port=None, tftp=False)
        with pytest.raises(OsieError, match="DHCP: port 67/udp is in use"):
            async with Boots(other, machines):
                pass


async def test_an_unavailable_address_is_one_clear_error(
    wire: Any, config: BootsConfig, machines: Any
) -> None:
    """The address is not on this host."""
    with pytest.raises(OsieError, match=r"^HTTP: 10\.88\.0\.1 is not an address of this host$"):
        async with Boots(replace(config, address="10.88.0.1"), machines):
            pass


async def test_an_unknown_interface_is_one_clear_error(wire: Any, config: BootsConfig, machines: Any) -> None:
    """The interface is not there."""
    with pytest.raises(OsieError, match=r"^DHCP: this host has no network interface lan9$"):
        async with Boots(replace(config, interface="lan9"), machines):
            pass


async def test_a_missing_dnsmasq_names_its_package(wire: Any, config: BootsConfig, tmp_path: Path) -> None:
    """One line and what to install; the program that holds the service ends, nothing of it goes on."""
    hidden = 'mount --bind /dev/null "$(command -v dnsmasq)" && exec "$@"'  # in a mount namespace of its own
    child = await asyncio.create_subprocess_exec(
        *(
            "unshare",
            "--mount",
            "sh",
            "-c",
            hidden,
            "sh",
            sys.executable,
            "-c",
            PROGRAM,
            str(config.artifacts),
            str(tmp_path / "child"),
        ),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        told, _ = await child.communicate()
    assert told.decode().splitlines() == [
        "dnsmasq: no such program on this host",
        "apt-get install dnsmasq-base",
    ]
    assert child.returncode == 0


async def test_what_dnsmasq_dislikes_is_told_in_its_words(
    wire: Any, config: BootsConfig, machines: Any
) -> None:
    """A dynamic range that is none, say: its sentence, and nothing left running."""
    before = children()
    wrong = replace(config, dynamic_range=("10.77.0.20", "nonsense"))
    with pytest.raises(OsieError, match=r"^dnsmasq did not start: bad dhcp-range at line \d+ of"):
        async with Boots(wrong, machines):
            pass
    assert children() == before


async def test_missing_ipxe_is_told(config: BootsConfig, machines: Any, tmp_path: Path) -> None:
    """Before anything is started: which folder lacks it, and what puts it there."""
    place = re.escape(f"iPXE's binaries are not in {tmp_path}: undionly.kpxe is missing")
    with pytest.raises(OsieError, match=place) as caught:
        async with Boots(replace(config, ipxe_folder=tmp_path), machines):
            pass
    assert "osie build" in caught.value.hint and "boots.ipxe_folder" in caught.value.hint


async def test_dnsmasq_dies_with_us(wire: Any, config: BootsConfig, tmp_path: Path) -> None:
    """Even where we are killed and can clean up nothing."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(config.artifacts), str(tmp_path / "child")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    async with asyncio.timeout(20):
        line = await child.stdout.readline()
    assert line.strip().isdigit(), line
    dnsmasq = os.pidfd_open(int(line))
    try:
        child.send_signal(signal.SIGKILL)
        await child.wait()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(dnsmasq, _settle, ended)  # readable once it ended
        async with asyncio.timeout(5):
            await ended
        loop.remove_reader(dnsmasq)
    finally:
        os.close(dnsmasq)


def test_the_size_of_our_network_is_the_interfaces(wire: Any) -> None:
    """Each address of an interface has its own; one that isn't there has none."""
    for address in ("10.77.0.65/26", "10.9.0.1/16", "10.10.0.1/32"):
        run(["ip", "address", "add", address, "dev", wire.interface])
    served = {
        address: subnet.of(wire.interface, address) for address in ("10.77.0.1", "10.77.0.65", "10.9.0.1")
    }
    assert {address: str(found) for address, found in served.items()} == {
        "10.77.0.1": "10.77.0.1/24", "10.77.0.65": "10.77.0.65/26", "10.9.0.1": "10.9.0.1/16"
    }  # fmt: skip
    assert str(subnet.of(wire.interface, "10.10.0.1")) == "10.10.0.1/32"
    assert subnet.of(wire.interface, "10.77.0.2") is None
    assert subnet.of("lo", "10.77.0.1") is None
    assert subnet.of("nowhere", "10.77.0.1") is None
