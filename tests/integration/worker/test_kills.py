"""Whatever dies, and whenever: an action runs once, and its end is told."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from connections import answered
from engines import BOTH, RunningEngine, children
from scripted_tink import TinkServer

from osie.contracts import tink_pb2
from osie.worker.runtime.engine import Engine

from .conftest import Scripts, WorkerProcess

# Where the worker is killed, one after the other in the life of one action: before the peer hears of the call
# or after it acted on it and before the worker hears of that.
POINTS = [
    ("before", "RUNNING"),
    ("after", "RUNNING"),
    ("before", "POST .*/containers/create"),
    ("after", "POST .*/containers/create"),
    ("before", "POST .*/start"),
    ("after", "POST .*/start"),
    ("before", "GET .*/logs"),
    ("before", "POST .*/wait"),
    ("after", "POST .*/wait"),
    ("before", "SUCCESS"),
    ("after", "SUCCESS"),
    ("before", "DELETE .*/containers/"),
    ("after", "DELETE .*/containers/"),
]


class Killer:
    """Kills the worker at one point after the other."""

    def __init__(self) -> None:
        self.points = list(POINTS)
        self.process: asyncio.subprocess.Process | None = None

    async def at(self, when: str, call: str) -> bool:
        """Kill the worker, and return true, where this is the next point."""
        if not self.points or self.points[0][0] != when or not re.match(self.points[0][1], call):
            return False
        assert self.process is not None
        self.points.pop(0)
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        return True


class Wire:
    """Passes the worker's calls on to the engine, one a connection, and tells the killer of each."""

    def __init__(self, socket: str, killer: Killer) -> None:
        self._socket = socket
        self._killer = killer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        call = head.split(b"\r\n", 1)[0].decode()
        if await self._killer.at("before", call):
            return
        from_engine, to_engine = await asyncio.open_unix_connection(self._socket)
        to_engine.write(head)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_copy(reader, to_engine))
            try:
                # The engine sends the head of its answer to `wait` at once, the rest when it has something.
                first = await from_engine.readuntil(b"\r\n\r\n")
                first += await from_engine.read(65536)
                if not await self._killer.at("after", call):
                    writer.write(first)
                    await _copy(from_engine, writer)
            finally:
                sending.cancel()
                to_engine.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either end goes away."""
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


@pytest_asyncio.fixture
async def killer(worker: WorkerProcess, engine_socket: str, tmp_path: Path) -> AsyncIterator[Killer]:
    """Between the worker and the engine."""
    killer = Killer()
    worker.environment["DOCKER_HOST"] = f"unix://{tmp_path}/wire"
    async with answered(tmp_path / "wire", Wire(engine_socket, killer)):
        yield killer


@BOTH
async def test_the_worker_is_killed_everywhere(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts, killer: Killer, tmp_path: Path
) -> None:
    """Killed at every step of one action's life, the worker runs it once and tells its end."""
    given = action("echo ran >> /worker/ran; [ -e /worker/open ] || read x < /worker/gate")

    async def served(request: tink_pb2.ActionStatusRequest) -> bool:
        state = request.action_state
        name = {2: "RUNNING", 5: "SUCCESS"}[state]
        if await killer.at("before", name):
            return False
        if name == "SUCCESS":
            tink.actions.clear()
        await killer.at("after", name)
        return True

    tink.before_report = served
    tink.actions = [given]
    tink.hands_out_again = True
    starts = 0
    while killer.points:
        starts += 1
        assert starts <= len(POINTS), f"the worker came past {killer.points[0]}"
        if killer.points[0] == ("after", "POST .*/wait"):
            action.open_gate()
        await worker.start()
        killer.process = worker.process
        await worker.end()
    asked = len(tink.asked)
    await worker.start()
    await tink.until(lambda: len(tink.asked) >= asked + 2)
    assert (tmp_path / "shared/ran").read_text() == "ran\n"
    assert tink.states[-1] == "SUCCESS"
    assert set(tink.states) == {"RUNNING", "SUCCESS"}
    assert await engine.containers("osie.action") == []


@BOTH
async def test_a_killed_worker_leaves_no_image(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts, killer: Killer, registry: str
) -> None:
    """The image of a worker that was killed before it could remove it is removed by the next one."""
    killer.points = [("before", "DELETE .*/images/")]
    tink.actions = [action("true", image=f"{registry}/first")]
    await worker.start()
    killer.process = worker.process
    await worker.end()
    assert await engine.has_image(f"{registry}/first")
    asked = len(tink.asked)
    await worker.start()
    await tink.until(lambda: len(tink.asked) >= asked + 2)
    assert not await engine.has_image(f"{registry}/first")


@pytest.mark.parametrize("running_engine", ["podman"], indirect=True)
async def test_podman_is_killed(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, running_engine: RunningEngine
) -> None:
    """Podman's service dies under an action: the action runs on, and its end is told once."""
    tink.actions = [action("echo up; read x < /worker/gate; echo done")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    for process in children(running_engine.process, "podman"):
        os.kill(process, signal.SIGKILL)
    await worker.until_printed("engine_lost")
    action.open_gate()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "SUCCESS"]
    assert {line.text for line in tink.lines} == {"up", "done"}
