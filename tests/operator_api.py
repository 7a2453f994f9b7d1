"""A served operator API with a real engine behind it, that can be stopped and started; and the command."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvicorn

from osie.tink.domain.workflow import ActionState
from osie.tink.http import application
from osie.tink.service.service import Tink
from osie.tink.store.database import Store
from osie.tink.store.workflow_rows import LogLine

MAC = "52:54:00:00:00:01"
FILES = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {name: m1, labels: {rack: "7"}}
spec: {interfaces: [{dhcp: {mac: "52:54:00:00:00:01"}}]}
---
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: install}
spec:
  data: |
    version: "0.1"
    name: install
    tasks:
      - name: install
        actions:
          - {name: write, image: quay.io/actions/image2disk, retries: 1, retry-backoff: 0}
          - {name: restart, image: quay.io/actions/reboot}
---
apiVersion: tinkerbell.org/v1alpha1
kind: Workflow
metadata: {name: w1}
spec: {templateRef: install, hardwareRef: m1}
"""


class Command:
    """An `osie` that goes on: its standard output line by line, and then its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until(self, part: str, *, errors: bool = False) -> str:
        """What it prints up to the line with this part; or on standard error."""
        pipe = self._process.stderr if errors else self._process.stdout
        assert pipe is not None
        told = ""
        async with asyncio.timeout(60):
            while part not in told.rpartition("\n")[2]:
                line = (await pipe.readline()).decode()
                assert line, f"it ended without {part!r}: {told}"
                told += ("\n" if told else "") + line.rstrip("\n")
        return told

    async def end(self) -> tuple[int, str, str]:
        """Its exit status, the rest of its output, and its errors."""
        async with asyncio.timeout(60):
            out, err = await self._process.communicate()
        return self._process.returncode or 0, (out or b"").decode(), err.decode()

    async def stop(self) -> str:
        """Interrupt it as Ctrl-C does; its errors."""
        self._process.send_signal(signal.SIGINT)
        status, _, err = await self.end()
        assert status == 130, err
        return err


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Tink]:
    """The engine on the folder's store."""
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'tink.db'}")
    try:
        async with Tink(store, rewrite_images={"quay.io/": "10.0.0.1:5000/"}) as tink:
            yield tink
    finally:
        await store.close()


class Operator:
    """The engine behind a served API, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = AsyncExitStack()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Serve."""
        self.tink = await self._stack.enter_async_context(opened(self.folder))
        listening = self._stack.enter_context(socket.create_server(("127.0.0.1", self._port)))
        config = uvicorn.Config(
            application.create(self.tink), log_level="warning", lifespan="off", timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))

        async def stop() -> None:
            self.tink.end_streams()
            server.should_exit = True
            await serving

        self._stack.push_async_callback(stop)

    async def stop(self) -> None:
        """Serve no more, as the server stops when it is told to."""
        await self._stack.aclose()

    async def osie(self, *arguments: str, text: str | bytes = "", **environment: str) -> tuple[int, str]:
        """Exit status, and standard output and error together."""
        process = await self._begun(asyncio.subprocess.STDOUT, arguments, environment)
        told, _ = await process.communicate(text if isinstance(text, bytes) else text.encode())
        return process.returncode or 0, told.decode()

    @asynccontextmanager
    async def going_on(
        self, *arguments: str, output: int = asyncio.subprocess.PIPE
    ) -> AsyncIterator[Command]:
        """The command, which is ended with the block where it hasn't by itself."""
        process = await self._begun(asyncio.subprocess.PIPE, arguments, {}, output)
        try:
            yield Command(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _begun(
        self,
        errors: int,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        output: int = asyncio.subprocess.PIPE,
    ) -> asyncio.subprocess.Process:
        environment = {
            **os.environ, "OSIE_SERVER": self.url, "USER": "alice", "LOGNAME": "alice", **environment
        }  # fmt: skip
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "osie.cli", *arguments),
            cwd=self.folder, env=environment, stdin=asyncio.subprocess.PIPE,
            stdout=output, stderr=errors,
        )  # fmt: skip

    async def completed(self, *words: str) -> list[str]:
        """What bash is offered for the last word."""
        asked = {"COMP_WORDS": " ".join(["osie", *words]), "COMP_CWORD": str(len(words))}
        _, told = await self.osie(_OSIE_COMPLETE="bash_complete", **asked)
        return [line.partition(",")[2] for line in told.split()]

    async def end(self, state: ActionState, message: str = "") -> None:
        """The next action runs, prints a line, and ends so."""
        workflow, turn = await self.tink.agents.get_action(MAC)
        ids = (f"default/{workflow.name}", MAC, turn.action.id)
        await self.tink.agents.report(*ids, ActionState.RUNNING)
        await self.tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", f"this is {turn.action.name}")])
        await self.tink.agents.report(*ids, state, message=message)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Operator]:
    """A server with nothing in it, and FILES in files.yaml of the folder, where the commands run."""
    (folder / "files.yaml").write_text(FILES)
    operator = Operator(folder)
    await operator.start()
    try:
        yield operator
    finally:
        await operator.stop()
