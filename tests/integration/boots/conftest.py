"""A network of our own with two ends, machines that remember what they are told, and the service between."""

import asyncio
import ctypes
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from osie.boots.config import BootsConfig
from osie.contracts.machine import Kind, Machine, Netboot
from osie.core.process import run

KNOWN_MAC = "52:54:00:00:00:10"
ADDRESS = "10.77.0.1"
_numbers = itertools.count()
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class RememberedMachines:
    """The Machines port, backed by memory; `seen` waits for an event."""

    known: dict[str, Machine] = field(default_factory=dict)
    events: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    boots: list[str] = field(default_factory=list)
    netboots: list[tuple[Netboot, Kind]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def find(self, mac: str) -> Machine | None:
        return self.known.get(mac)

    async def every(self) -> Sequence[Machine]:
        return list(self.known.values())

    async def record(self, mac: str, event: str, fields: Mapping[str, object]) -> None:
        async with self.changed:
            self.events.append((mac, event, dict(fields)))
            self.changed.notify_all()

    async def netbooted(self, netboot: Netboot, choose: Callable[[Machine | None], Any]) -> Any:
        answer = choose(self.known.get(netboot.mac))
        self.netboots.append((netboot, answer.kind))
        return answer

    async def phoned_home(self, mac: str, posted: Mapping[str, object], *, itself: bool) -> None:
        if itself:
            self.boots.append(mac)
        await self.record(mac, "phone_home", posted)

    async def log(self, mac: str, line: str) -> None:
        async with self.changed:
            self.lines.append((mac, line))
            self.changed.notify_all()

    def named(self, event: str) -> list[tuple[str, dict[str, object]]]:
        return [(mac, fields) for mac, name, fields in self.events if name == event]

    async def seen(self, event: str, times: int = 1, within_s: float = 20) -> tuple[str, dict[str, object]]:
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(lambda: len(self.named(event)) >= times)
        return self.named(event)[0]

    async def told(self, number: int, within_s: float = 10) -> list[tuple[str, str]]:
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(lambda: len(self.lines) >= number)
        return self.lines


@dataclass(frozen=True)
class Wire:
    """Two network namespaces joined by a cable: the service's, where this process is, and the client's."""

    interface: str
    client: str  # namespace
    client_interface: str

    def far_end(self) -> AbstractContextManager[None]:
        """Within the block, what this thread opens is at the other end."""
        return _inside(self.client)

    async def client_runs(self, *argv: str | Path, check: bool = True) -> str:
        """Run a program at the other end."""
        done = await asyncio.to_thread(
            run, ["ip", "netns", "exec", self.client, *argv], timeout_s=30, check=check
        )
        return done.stdout + done.stderr


@contextmanager
def _inside(namespace: str) -> Iterator[None]:
    """This thread, and what it starts, is in the network namespace (setns(2); os.setns needs Python 3.12)."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert _libc.setns(there, _CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert _libc.setns(before, _CLONE_NEWNET) == 0
    finally:
        os.close(there)
        os.close(before)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A cable between two namespaces, both removed afterwards."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    stem = f"osie-boots-{os.getpid()}-{next(_numbers)}"
    server, client = f"{stem}-s", f"{stem}-c"
    try:
        for name in (server, client):
            run(["ip", "netns", "add", name])
            run(["ip", "-n", name, "link", "set", "lo", "up"])
        run(["ip", "-n", server, "link", "add", "wire0", "type", "veth", "peer", "wire1", "netns", client])
        run(["ip", "-n", client, "link", "set", "wire1", "address", KNOWN_MAC])
        run(["ip", "-n", server, "address", "add", f"{ADDRESS}/24", "dev", "wire0"])
        run(["ip", "-n", server, "link", "set", "wire0", "up"])
        run(["ip", "-n", client, "link", "set", "wire1", "up"])
        with _inside(server):
            yield Wire("wire0", client, "wire1")
    finally:
        for name in (server, client):
            run(["ip", "netns", "delete", name], check=False)


@pytest.fixture
def machines() -> RememberedMachines:
    """One known machine."""
    known = Machine(
        mac=KNOWN_MAC,
        hostname="node-1",
        address="10.77.0.10",
        netmask="255.255.255.0",
        gateway="10.77.0.1",
        name_servers=("10.77.0.53",),
        time_servers=("10.77.0.123",),
        lease_s=600,
        allow_pxe=True,
        allow_workflow=True,
    )
    return RememberedMachines({KNOWN_MAC: known})


@pytest.fixture
def config(tmp_path: Path) -> BootsConfig:
    """A service for the wire's near end, with small artifacts."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (folder / "vmlinuz-x86_64").write_bytes(b"kernel" * 1000)
    (folder / "initramfs-x86_64").write_bytes(bytes(range(256)) * 1024)
    (folder / "ipxe").mkdir()
    for name in ("undionly.kpxe", "snponly.efi"):
        (folder / "ipxe" / name).write_bytes(name.encode() * 10_000)
    images = tmp_path / "images"
    (images / "debian").mkdir(parents=True)
    (images / "debian" / "os.raw.zst").write_bytes(b"image")
    return BootsConfig(
        interface="wire0",
        address=ADDRESS,
        artifacts=folder,
        state_dir=tmp_path / "state",
        files={"images": images},
        dynamic_range=("10.77.0.100", "10.77.0.120"),
    )
