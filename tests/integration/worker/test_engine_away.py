"""The runtime and an engine that is away: what the worker does while the ramdisk starts the engine again."""

import asyncio
import time
from pathlib import Path

import pytest
from scripted_tink import DEADLINE_S

from osie.contracts.action_events import Progress
from osie.contracts.image_name import Credentials
from osie.worker.action import Action, LogLine, Run, State
from osie.worker.runtime.docker import DockerRuntime
from osie.worker.runtime.engine import Engine
from osie.worker.runtime.images import DockerImages


class Silent:
    """Hears nothing."""

    def line(self, line: LogLine) -> None:
        """An ordinary line."""

    def progress(self, progress: Progress) -> None:
        """A progress event."""


async def test_an_action_waits_for_the_engine(
    engine: Engine, engine_socket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine that doesn't answer is waited for, said once; the action then runs, and is no failure."""
    socket = tmp_path / "docker.sock"
    away = Engine(str(socket))
    runtime = DockerRuntime(away, DockerImages(away, Credentials("", "", "")))
    action = Action("default/w", "t", "a", tmp_path.name, "a", "osie-test:latest", command=("/bin/true",))
    task = asyncio.create_task(runtime.execute(Run(action, time.time()), Silent()))
    async with asyncio.timeout(DEADLINE_S):
        said = ""
        while "engine_lost" not in said:
            said += capsys.readouterr().out
            await asyncio.sleep(0.05)
        socket.symlink_to(engine_socket)
        outcome = await task
    assert outcome.state is State.SUCCESS, outcome.message
    assert (said + capsys.readouterr().out).count("engine_lost") == 1
