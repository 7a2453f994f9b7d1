"""A real Docker Engine of our own, a scripted tink server on real gRPC, and the worker as a real process."""

import asyncio
import io
import os
import signal
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from engines import ENGINES, RunningEngine, load
from image_registry import publish, serving
from scripted_tink import DEADLINE_S, TinkServer

from osie.contracts import tink_pb2
from osie.worker.runtime.engine import Engine

Exited: TypeAlias = Callable[[str], Awaitable[None]]

IMAGE = "osie-test:latest"
AGENT = "52:54:00:00:00:01"


@pytest.fixture(scope="session")
def busybox() -> bytes:
    """A root tree of a static busybox and some of its names, as a tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        names = ("sh", "cat", "sleep", "seq", "env", "true", "ls", "head", "tail", "yes", "sed", "readlink")
        for name in names:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return content.getvalue()


@pytest.fixture(scope="session")
def running_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, busybox: bytes
) -> Iterator[RunningEngine]:
    """An engine that has one image, a busybox: Docker's, unless a test is parametrized with others."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "image.tar").write_bytes(busybox)
    with ENGINES[getattr(request, "param", "docker")](folder) as engine:
        load(engine, IMAGE, folder / "image.tar")
        yield engine


@pytest.fixture(scope="session")
def engine_socket(running_engine: RunningEngine) -> str:
    """Where the engine listens."""
    return running_engine.socket


@pytest_asyncio.fixture
async def engine(engine_socket: str) -> AsyncIterator[Engine]:
    """A client of the engine; what the test left in the engine is removed."""
    client = Engine(engine_socket)
    yield client
    for told in await client.containers("osie.action"):
        await client.remove(told["Id"])


@pytest_asyncio.fixture
async def tink() -> AsyncIterator[TinkServer]:
    """A server that listens."""
    server = TinkServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def images(tmp_path: Path, busybox: bytes) -> Path:
    """A layout with the images first:latest and second:latest."""
    publish(tmp_path / "layout", busybox, "first:latest", "second:latest")
    return tmp_path / "layout"


@pytest_asyncio.fixture
async def registry(images: Path) -> AsyncIterator[str]:
    """The authority of a registry that has them."""
    async with serving(images) as authority:
        yield authority


class WorkerProcess:
    """`python3 -m osie.worker`, and what it prints."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: asyncio.subprocess.Process | None = None
        self.printed = ""  # by all workers of this test
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "osie.worker"),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.process, self._reader = process, asyncio.create_task(self._read(process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            async with self._changed:
                self.printed += line.decode()
                self._changed.notify_all()

    async def until_printed(self, text: str) -> None:
        """Wait until the text was printed, or fail."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: text in self.printed)

    async def end(self, number: signal.Signals | None = None) -> tuple[int, float]:
        """Send a signal, if any, and await the end; return the exit status and how many seconds it took."""
        assert self.process is not None
        assert self._reader is not None
        began = time.monotonic()
        if number is not None and self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE_S):
            await self._reader
            return await self.process.wait(), time.monotonic() - began


@pytest_asyncio.fixture
async def worker(
    tink: TinkServer, engine: Engine, engine_socket: str, tmp_path: Path
) -> AsyncIterator[WorkerProcess]:
    """A worker for the server and the engine, not started yet; it ends before the engine is cleaned."""
    process = WorkerProcess(
        {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error",
            "WORKER_ID": AGENT,
            "TINKERBELL_GRPC_AUTHORITY": f"127.0.0.1:{tink.port}",
            "DOCKER_HOST": f"unix://{engine_socket}",
            "OSIE_WORKER_STATE": str(tmp_path),
        }
    )
    yield process
    if process.process is not None and process.process.returncode is None:
        await process.end(signal.SIGKILL)


class Scripts:
    """Makes actions that run a shell script; /worker in them is the folder `shared`, with a FIFO `gate`."""

    def __init__(self, shared: Path, prefix: str, gate: int) -> None:
        self.shared = shared
        self._prefix = prefix
        self._gate = gate

    def __call__(self, script: str, **given: Any) -> tink_pb2.ActionResponse:
        """An action as the server hands it out; `given` replaces its fields."""
        name = given.get("name", "a")
        fields = {
            "workflow_id": "default/w",
            "task_id": "t",
            "agent_id": AGENT,
            "action_id": f"{self._prefix}-{name}",
            "name": name,
            "image": IMAGE,
            "command": ["/bin/sh", "-c", script],
            "volumes": [f"{self.shared}:/worker"],
        }
        return tink_pb2.ActionResponse(**{**fields, **given})

    def open_gate(self) -> None:
        """Let one script go on that waits, or will wait, in `read x < /worker/gate`."""
        os.write(self._gate, b"go\n")


@pytest.fixture
def action(tmp_path: Path) -> Iterator[Scripts]:
    """Makes this test's actions."""
    shared = tmp_path / "shared"
    shared.mkdir()
    os.mkfifo(shared / "gate")
    gate = os.open(shared / "gate", os.O_RDWR)  # for both: so neither we nor the script block in opening it
    yield Scripts(shared, tmp_path.name, gate)
    os.close(gate)


@pytest.fixture
def exited(engine: Engine) -> Exited:
    """Wait until the container of an action has exited."""

    async def wait(action_id: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await engine.wait((await engine.containers(f"osie.action={action_id}"))[0]["Id"])

    return wait
