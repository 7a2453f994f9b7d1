"""Upstream's own programs, unchanged, against ours. `make interop` builds them and runs these tests."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from image_registry import publish, serving
from integration.worker.conftest import busybox, engine_socket, running_engine

from osie.cli import config
from osie.tink.domain.resources import Kind, Ref
from osie.tink.grpc import agent_service, older_service
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

__all__ = ["busybox", "engine_socket", "running_engine"]

NEEDED = ("OSIE_TINK_AGENT", "OSIE_TINK_WORKER", "OSIE_TINKERBELL", "OSIE_RENDER")
# Not part of the suite: the programs come from upstream, and take long to build.
collect_ignore_glob = [] if all(name in os.environ for name in NEEDED) else ["test_*.py"]

MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")
IMAGE = "quay.example/osie/busybox:1"  # what templates say; the registry below has it


@pytest.fixture
async def registry(tmp_path: Path, busybox: bytes) -> AsyncIterator[str]:
    """The authority of our registry, which has the busybox."""
    await asyncio.to_thread(publish, tmp_path / "layout", busybox, "osie/busybox:1")
    async with serving(tmp_path / "layout") as authority:
        yield authority


@dataclass
class Ours:
    """Our server: the engine, and where it listens."""

    tink: Tink
    port: int
    older_port: int

    async def status(self, name: str) -> dict[str, Any]:
        """A workflow's status, as the operator gets it."""
        ref = Ref(Kind.WORKFLOW, "default", name)
        status: dict[str, Any] = (await Queries(self.tink.store).resource(ref))["status"]
        return status


@asynccontextmanager
async def ours(folder: Path, registry: str, ports: tuple[int, int] = (0, 0)) -> AsyncIterator[Ours]:
    """Our server over the store in the folder."""
    async with AsyncExitStack() as stack:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'tink.db'}")
        stack.push_async_callback(store.close)
        rewrites = {"quay.example/": f"{registry}/"}
        tink = await stack.enter_async_context(Tink(store, rewrite_images=rewrites, tick_s=0.5))
        listens = await stack.enter_async_context(
            agent_service.serve(tink.agents, f"127.0.0.1:{ports[0]}", hold_s=config.Tink().hold_s)
        )
        older = await stack.enter_async_context(older_service.serve(tink.agents, f"127.0.0.1:{ports[1]}"))
        yield Ours(tink, listens, older)


@pytest.fixture
async def server(tmp_path: Path, registry: str) -> AsyncIterator[Ours]:
    """Our server, with nothing in it."""
    async with ours(tmp_path, registry) as made:
        yield made


@pytest.fixture(autouse=True)
def worker_folder() -> Iterator[None]:
    """The engine makes /worker on this host, which workers mount into actions: it goes with the test."""
    there = Path("/worker").exists()
    yield
    if not there:
        shutil.rmtree("/worker", ignore_errors=True)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that actions see as /shared."""
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder
