"""Our worker against upstream's server, unchanged, with a real Docker Engine."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from . import workflows
from .conftest import MACS
from .programs import Program, ended, until
from .theirs import GRPC_PORT, Theirs, running

Start = Callable[[str], Program]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Upstream's server runs."""
    with running(os.environ["OSIE_TINKERBELL"], tmp_path_factory.mktemp("upstream")):
        yield


@pytest.fixture
async def server(upstream: None) -> AsyncIterator[Theirs]:
    """Upstream's server, with two machines in it."""
    async with Theirs() as server:
        await server.apply(
            *(workflows.hardware(f"m{n}", mac, f"10.0.0.{n}") for n, mac in enumerate(MACS, start=1))
        )
        yield server
        await server.clear()


@pytest.fixture
def image(registry: str) -> str:
    """The busybox, by the name that upstream's server hands out as it is."""
    return f"{registry}/osie/busybox:1"


@pytest.fixture
def start(engine_socket: str, tmp_path: Path) -> Start:
    """Makes a worker for a machine."""

    def make(mac: str) -> Program:
        environment = {
            "WORKER_ID": mac,
            "TINKERBELL_GRPC_AUTHORITY": f"127.0.0.1:{GRPC_PORT}",
            "DOCKER_HOST": f"unix://{engine_socket}",
            "PYTHONWARNINGS": "error",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        return Program([sys.executable, "-m", "osie.worker"], environment, tmp_path / f"{mac[-2:]}.log")

    return make


async def run(server: Theirs, *tasks: dict[str, object], macs: tuple[str, ...] = MACS[:1]) -> None:
    """Apply a workflow of these tasks."""
    await server.apply(workflows.template(list(tasks)), workflows.workflow(macs))


async def test_everything(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """All that an action may have runs to its end; that upstream lacks our telemetry is no matter."""
    workflows.prepare(shared)
    await run(server, *workflows.everything(shared, image))
    async with start(MACS[0]) as worker:
        status = await ended(server, worker)
    assert status["state"] == "SUCCESS", worker.printed
    workflows.check(shared)
    assert worker.printed.count("telemetry_off") == 1


async def test_work_that_comes_later(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """A worker that has nothing to do waits without complaint, and takes what comes."""
    async with start(MACS[0]) as worker:
        await worker.until_printed("waiting")
        await run(server, workflows.task(shared, [workflows.action("late", image, "touch /shared/late")]))
        status = await ended(server, worker)
    assert status["state"] == "SUCCESS", worker.printed
    assert "no answer from" not in worker.printed
    assert (shared / "late").exists()


async def test_failure(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """An action that fails ends the workflow; upstream's status says why."""
    actions = [
        workflows.action("fails", image, "echo broken disk; exit 3"),
        workflows.action("never", image, "touch /shared/never"),
    ]
    await run(server, workflows.task(shared, actions))
    async with start(MACS[0]) as worker:
        status = await ended(server, worker)
    assert status["state"] == "FAILED", worker.printed
    message = status["tasks"][0]["actions"][0]["message"]
    assert "3" in message
    assert "broken disk" in message
    assert not (shared / "never").exists()


async def test_timeout(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """An action that takes too long is stopped, and reported as TIMEOUT."""
    await run(server, workflows.task(shared, [workflows.action("slow", image, "exec sleep 600", timeout=2)]))
    async with start(MACS[0]) as worker:
        status = await ended(server, worker)
    assert status["state"] == "TIMEOUT", worker.printed


async def test_two_machines(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """Tasks of two workers hand over in order."""
    tasks = [
        workflows.task(shared, [workflows.action("a", image, f"echo {number} >> /shared/order")], number)
        for number in (1, 2)
    ]
    await run(server, *tasks, macs=MACS)
    async with start(MACS[1]) as worker, start(MACS[0]):
        status = await ended(server, worker)
    assert status["state"] == "SUCCESS", worker.printed
    assert (shared / "order").read_text().split() == ["1", "2"]


async def test_killed(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """A worker that is killed while its action runs is replaced by one that takes the container up."""
    script = "echo x >> /shared/ran; until [ -e /shared/go ]; do sleep 0.1; done"
    await run(server, workflows.task(shared, [workflows.action("long", image, script)]))
    async with start(MACS[0]) as worker:
        await until((shared / "ran").exists, worker)
        await worker.end(signal.SIGKILL)
        await worker.start_again_if_ended()
        (shared / "go").touch()
        status = await ended(server, worker)
    assert status["state"] == "SUCCESS", worker.printed
    assert (shared / "ran").read_text() == "x\n"


async def test_deleted(server: Theirs, start: Start, shared: Path, image: str) -> None:
    """A workflow that is deleted while its action runs doesn't keep the worker from the next one."""
    script = "echo x >> /shared/ran; until [ -e /shared/go ]; do sleep 0.1; done"
    await run(server, workflows.task(shared, [workflows.action("long", image, script)]))
    async with start(MACS[0]) as worker:
        await until((shared / "ran").exists, worker)
        await server.delete_workflow("w")
        (shared / "go").touch()
        next_one = workflows.task(shared, [workflows.action("next", image, "touch /shared/next")])
        await server.apply(
            workflows.template([next_one], "next"), workflows.workflow(MACS[:1], "next", "next")
        )
        status = await ended(server, worker, "next")
    assert status["state"] == "SUCCESS", worker.printed
    assert (shared / "next").exists()
