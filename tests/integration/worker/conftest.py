"""A real Docker Engine of our own, a scripted tink server on real gRPC, and the worker as a real process."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from osie.contracts import telemetry_pb2, tink_pb2
from osie.worker.engine import Engine

DEADLINE_S = 30.0
IMAGE = "osie-test:latest"
AGENT = "52:54:00:00:00:01"

# Everything the engine makes is in its own PID and mount namespaces and on a tmpfs there, and goes with it.
# It shares the host's network, but changes nothing there: no bridge, no rules, no forwarding.
START = """
mount -t tmpfs tmpfs /run
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker
mount -t tmpfs tmpfs "$1/data"
exec dockerd --host "unix://$1/docker.sock" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" \
  --bridge=none --iptables=false --ip6tables=false --ip-forward=false --userland-proxy=false \
  --exec-opt native.cgroupdriver=cgroupfs --storage-driver overlay2 \
  --add-runtime "bounded=$1/bounded-runc" --default-runtime bounded
"""

# A host may lack CAP_SYS_RESOURCE itself (a virtual machine of a CI service); an older engine then fails to
# give it to a privileged container. On any other host this changes nothing.
BOUNDED_RUNC = """#!/usr/bin/python3
import json, os, sys
argv = sys.argv[1:]
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
if "--bundle" in argv and not int(status["CapBnd"], 16) >> 24 & 1:
    path = argv[argv.index("--bundle") + 1] + "/config.json"
    spec = json.load(open(path))
    for name, given in (spec.get("process", {}).get("capabilities") or {}).items():
        spec["process"]["capabilities"][name] = [c for c in given if c != "CAP_SYS_RESOURCE"]
    json.dump(spec, open(path, "w"))
os.execvp("runc", ["runc", *argv])
"""


@pytest.fixture(scope="session")
def busybox() -> bytes:
    """A root tree of a static busybox and some of its names, as a tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "cat", "sleep", "seq", "env", "true", "ls"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return content.getvalue()


@pytest.fixture(scope="session")
def engine_socket(tmp_path_factory: pytest.TempPathFactory, busybox: bytes) -> Iterator[str]:
    """The socket of an engine that has one image: a busybox."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "data").mkdir()
    (folder / "bounded-runc").write_text(BOUNDED_RUNC)
    (folder / "bounded-runc").chmod(0o755)
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv = ["setpriv", "--pdeathsig", "KILL", *namespaces, "sh", "-ec", START, "sh", str(folder)]
    socket = str(folder / "docker.sock")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        call = ["curl", "-sSf", "--unix-socket", socket, "--retry-all-errors", "--retry", "60"]
        ping = [*call, "--retry-delay", "1", "--retry-max-time", "30", "http://engine/_ping"]
        assert subprocess.run(ping, capture_output=True, check=False).returncode == 0, (
            folder / "log"
        ).read_text()
        (folder / "image.tar").write_bytes(busybox)
        repo, _, tag = IMAGE.partition(":")
        target = f"http://engine/images/create?fromSrc=-&repo={repo}&tag={tag}"
        kind = ["-H", "Content-Type: application/x-tar", "--data-binary", f"@{folder / 'image.tar'}"]
        subprocess.run([*call, "-X", "POST", *kind, target], check=True, capture_output=True)
        yield socket
    finally:
        with contextlib.suppress(OSError, IndexError):  # its own end also removes the containers' cgroups
            os.kill(_child_of(process.pid), signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest_asyncio.fixture
async def engine(engine_socket: str) -> AsyncIterator[Engine]:
    """A client of the engine; what the test left in the engine is removed."""
    client = Engine(engine_socket)
    yield client
    for told in await client.containers("osie.action"):
        await client.remove(told["Id"])


class TinkServer:
    """The server's side of the wire, scripted: hands out `actions` in order, and keeps what it is told."""

    def __init__(self) -> None:
        self.actions: list[tink_pb2.ActionResponse] = []
        self.asked: list[tink_pb2.ActionRequest] = []
        self.reports: list[tink_pb2.ActionStatusRequest] = []
        self.lines: list[telemetry_pb2.LogLine] = []
        self.progress: list[telemetry_pb2.ProgressReport] = []
        self.refusal: Callable[[tink_pb2.ActionStatusRequest], grpc.StatusCode | None] = lambda _: None
        self.refused = 0
        self.has_telemetry = True
        self.port = 0
        self._changed = asyncio.Condition()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen: on any port the first time, on the same one afterwards."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        calls = {"GetAction": self._get_action, "ReportActionStatus": self._report}
        self._add("proto.WorkflowService", calls, tink_pb2.ActionRequest, tink_pb2.ActionStatusRequest)
        if self.has_telemetry:
            told = {"ReportProgress": self._report_progress, "ReportLogs": self._report_logs}
            self._add("osie.v1.Telemetry", told, telemetry_pb2.ProgressReport, telemetry_pb2.LogReport)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    def _add(self, service: str, calls: dict, *requests: type) -> None:
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                call, request.FromString, lambda m: m.SerializeToString()
            )
            for (name, call), request in zip(calls.items(), requests, strict=True)
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

    async def stop(self) -> None:
        """Be gone, as a killed server is."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds`, or fail."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: bool(holds()))

    @property
    def states(self) -> list[str]:
        """The states reported, in order."""
        names = (tink_pb2.ActionState.Name(report.action_state) for report in self.reports)
        return [name.removeprefix("ACTION_STATE_") for name in names]

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _get_action(self, request, context):
        self.asked.append(request)
        await self._note()
        if not self.actions:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no workflow")
        return self.actions.pop(0)

    async def _report(self, request, context):
        refusal = self.refusal(request)
        if refusal is not None:
            self.refused += 1
            await self._note()
            await context.abort(refusal, "scripted")
        self.reports.append(request)
        await self._note()
        return tink_pb2.ActionStatusResponse()

    async def _report_progress(self, request, _context):
        self.progress.append(request)
        await self._note()
        return telemetry_pb2.TelemetryReply()

    async def _report_logs(self, request, _context):
        self.lines.extend(request.lines)
        await self._note()
        return telemetry_pb2.TelemetryReply()


@pytest_asyncio.fixture
async def tink() -> AsyncIterator[TinkServer]:
    """A server that listens."""
    server = TinkServer()
    await server.start()
    yield server
    await server.stop()


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
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "osie.worker"),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._read(self.process.stdout))

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        async for line in stdout:
            async with self._changed:
                self.printed += line.decode()
                self._changed.notify_all()

    async def until_printed(self, text: str) -> None:
        """Wait until the text was printed, or fail."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: text in self.printed)

    async def end(self, number: signal.Signals | None = None) -> tuple[int, float]:
        """Send a signal, if any, and await the end; return the exit status and how many seconds it took."""
        began = time.monotonic()
        if number is not None and self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE_S):
            await self._reader
            return await self.process.wait(), time.monotonic() - began


@pytest_asyncio.fixture
async def worker(tink: TinkServer, engine: Engine, engine_socket: str) -> AsyncIterator[WorkerProcess]:
    """A worker for the server and the engine, not started yet; it ends before the engine is cleaned."""
    process = WorkerProcess(
        {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error",
            "WORKER_ID": AGENT,
            "TINKERBELL_GRPC_AUTHORITY": f"127.0.0.1:{tink.port}",
            "DOCKER_HOST": f"unix://{engine_socket}",
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

    def __call__(self, script: str, **given: object) -> tink_pb2.ActionResponse:
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
def exited(engine: Engine) -> Callable[[str], Awaitable[None]]:
    """Wait until the container of an action has exited."""

    async def wait(action_id: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await engine.wait((await engine.containers(f"osie.action={action_id}"))[0]["Id"])

    return wait
