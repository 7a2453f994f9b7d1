"""What a template says of an action reaches its container, on either engine; and who ends it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from engines import BOTH
from scripted_tink import DEADLINE_S, TinkServer

from osie.contracts import tink_pb2
from osie.contracts.action_events import Progress
from osie.contracts.image_name import Credentials
from osie.worker.action import Action, LogLine, Run, State
from osie.worker.loop import Stop, Worker
from osie.worker.runtime.docker import DockerRuntime
from osie.worker.runtime.engine import Engine
from osie.worker.runtime.images import DockerImages
from osie.worker.transport.grpc import GrpcSink, GrpcSource, GrpcTelemetry
from osie.worker.transport.link import Link

from .conftest import Scripts, WorkerProcess


def network_namespace() -> str:
    """The one of this host (namespaces(7))."""
    return str(Path("/proc/self/ns/net").readlink())


@BOTH
async def test_namespaces_volumes_environment(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, tmp_path: Path
) -> None:
    """An action has its own PID namespace and the host's network, or what its template says; volumes too."""
    (tmp_path / "data").mkdir()
    seen = 'echo "$$ $(readlink /proc/self/ns/net)"'
    script = '[ "$A" = "b=c d" ] && [ -z "$PASSWORD" ] && ! echo x > /data/x && [ -e /dev/null ]'
    no_network = tink_pb2.Namespaces(network="none")
    volumes = [f"{action.shared}:/worker", f"{tmp_path}/data:/data:ro"]
    tink.actions = [
        action(f"{seen} > /worker/plain; {script}", name="a", environment=["A=b=c d"], volumes=volumes),
        action(f"{seen} > /worker/alone; kill -9 $$", name="b", pid="host", namespaces=no_network),
    ]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 4)
    assert tink.states == ["RUNNING", "SUCCESS", "RUNNING", "FAILED"], tink.reports[1].message
    assert re.match(r"exit code 137 \(SIGKILL\) after \d\.\ds", tink.reports[3].message.message)
    plain, alone = ((action.shared / name).read_text().split() for name in ("plain", "alone"))
    assert plain[0] == "1"
    assert int(alone[0]) > 1
    assert plain[1] == network_namespace() != alone[1]


@BOTH
async def test_labels(tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts) -> None:
    """Whoever looks at the engine sees which workflow, task and action a container is."""
    tink.actions = [given := action("echo up; read x < /worker/gate", name="write")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    (found,) = await engine.containers(f"osie.action={given.action_id}")
    labels = found["Labels"]
    assert (labels["osie.workflow"], labels["osie.task"], labels["osie.name"]) == ("default/w", "t", "write")
    assert labels["osie.image"] == given.image
    action.open_gate()
    await tink.until(lambda: len(tink.reports) == 2)


@BOTH
async def test_removed_by_another(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts
) -> None:
    """An action whose container somebody removed has failed; the message has that, and the last lines."""
    tink.actions = [given := action("echo halfway; read x < /worker/gate", name="write")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    (found,) = await engine.containers(f"osie.action={given.action_id}")
    await engine.remove(found["Id"])
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "FAILED"]
    # Docker kills it first, and a worker that is quick may still see how it ended
    said = r"the container was removed by another than the worker,|exit code 137 \(SIGKILL\)"
    assert re.fullmatch(rf"({said}) after \d+\.\ds; last lines:\nhalfway", tink.reports[1].message.message)


# In a cgroup of its own an action may bound its memory itself, and go beyond; the file's name is version 1's
# or version 2's (the kernel's Documentation/admin-guide).
GREEDY = """
group=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
for file in /sys/fs/cgroup/memory$group/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.limit_in_bytes \
    /sys/fs/cgroup/memory.max; do
  [ ! -e $file ] || { echo 20000000 > $file && break; }
done
echo greedy
read x < /worker/gate
exec tail -c 500000000 /dev/zero
"""


@BOTH
async def test_out_of_memory(tink: TinkServer, worker: WorkerProcess, action: Scripts) -> None:
    """An action that the kernel kills for its memory is told as that."""
    tink.actions = [action(GREEDY)]
    await worker.start()
    await tink.until(lambda: tink.lines)  # by now the engine watches its memory
    action.open_gate()
    await tink.until(lambda: len(tink.reports) == 2)
    message = tink.reports[1].message.message
    assert re.match(r"exit code 137 \(killed: out of memory\) after \d+\.\ds; last lines:\ngreedy", message)


@pytest_asyncio.fixture
async def inside(tink: TinkServer, engine: Engine) -> AsyncIterator[Worker]:
    """A worker in this process, whose heart beats fast; it is told to stop at the end."""
    link, stop = Link("127.0.0.1", tink.port, None), Stop()
    images = DockerImages(engine, Credentials("", "", ""))
    worker = Worker(
        source=GrpcSource(link, "52:54:00:00:00:01", tink_pb2.AgentAttributes),
        sink=GrpcSink(link),
        telemetry=GrpcTelemetry(link),
        runtime=DockerRuntime(engine, images),
        images=images,
        stop=stop,
        heartbeat_s=0.2,
    )
    task = asyncio.create_task(worker.run())
    yield worker
    stop.ask()
    await task
    link.close()


@BOTH
@pytest.mark.usefixtures("inside")
async def test_the_server_ends_an_action(tink: TinkServer, engine: Engine, action: Scripts) -> None:
    """An action that the server gave up gets SIGTERM, is removed and not reported; the next one runs."""
    script = "trap 'echo told > /worker/told; exit 0' TERM; echo up; while :; do read x < /worker/gate; done"
    first = action(script, name="a")
    tink.actions = [first, action("true", name="b")]
    await tink.until(lambda: tink.lines)
    assert tink.heartbeats[0].action.action_id == first.action_id
    tink.unwanted[first.action_id] = "cancelled by operator"
    await tink.until(lambda: len(tink.reports) == 3)
    assert [(report.action_name, report.action_state) for report in tink.reports] == [
        *(("a", tink_pb2.ACTION_STATE_RUNNING), ("b", tink_pb2.ACTION_STATE_RUNNING)),
        ("b", tink_pb2.ACTION_STATE_SUCCESS),
    ]
    assert (action.shared / "told").read_text() == "told\n"
    assert await engine.containers(f"osie.action={first.action_id}") == []


class Heard:
    """A Listener that notes what it hears."""

    def __init__(self) -> None:
        self.first = asyncio.Event()

    def line(self, _line: LogLine) -> None:
        """An ordinary line."""
        self.first.set()

    def progress(self, _progress: Progress) -> None:
        """A progress event."""


async def test_a_clock_that_jumps(engine: Engine, action: Scripts) -> None:
    """A timeout counts the time that passes, whatever is done to the clock between two workers."""
    given = action("echo up; read x < /worker/gate")
    made = Action("w", "t", "a", given.action_id, "a", given.image, 60, tuple(given.command))
    run = Run(replace(made, volumes=tuple(given.volumes)), time.time())
    images, heard = DockerImages(engine, Credentials("", "", "")), Heard()
    first = asyncio.create_task(DockerRuntime(engine, images).execute(run, heard))
    async with asyncio.timeout(DEADLINE_S):
        await heard.first.wait()
        first.cancel()
        await asyncio.wait({first})
        later = DockerRuntime(engine, images, clock=lambda: time.time() + 1e8)
        second = asyncio.create_task(later.execute(run, heard := Heard()))
        await heard.first.wait()
        action.open_gate()
        assert (await second).state is State.SUCCESS
