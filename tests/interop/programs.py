"""Processes of the tests, and waiting for what they do."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

DEADLINE_S = 180.0
ENDED = frozenset({"SUCCESS", "FAILED", "TIMEOUT"})

_Seen = TypeVar("_Seen")


class Program:
    """A program that runs within the block; what it prints goes to a file."""

    def __init__(self, argv: list[str], environment: dict[str, str], log: Path) -> None:
        self._argv = argv
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Program":
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end(signal.SIGKILL)

    async def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", *self._argv),
                env={"PATH": os.environ["PATH"], **self._environment},
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
            )

    async def end(self, number: signal.Signals) -> None:
        """Send a signal and await the end."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        await self._process.wait()

    async def start_again_if_ended(self) -> None:
        """Start it again if it has ended."""
        assert self._process is not None
        if self._process.returncode is not None:
            await self._start()

    async def until_printed(self, text: str) -> None:
        """Wait until the text was printed, or fail."""
        await until(lambda: text in self.printed, self)

    @property
    def printed(self) -> str:
        """All of it, of every start."""
        return self._log.read_text(errors="replace")


class Server(Protocol):
    """Upstream's server, or ours."""

    async def status(self, name: str) -> dict[str, Any]:
        """A workflow's status."""


async def poll(
    look: Callable[[], Awaitable[_Seen]], good: Callable[[_Seen], object], agent: Program
) -> _Seen:
    """Look until what is seen is good; fail after a while. What other programs do can only be looked at."""
    deadline = time.monotonic() + DEADLINE_S
    while not good(seen := await look()):
        if time.monotonic() > deadline:
            pytest.fail(f"in vain, after {DEADLINE_S} s: {seen}\n{agent.printed[-4000:]}")
        await asyncio.sleep(0.1)
    return seen


async def until(holds: Callable[[], bool], agent: Program) -> None:
    """Wait until it holds, or fail."""

    async def look() -> bool:
        return holds()

    await poll(look, bool, agent)


async def reaches(server: Server, agent: Program, states: frozenset[str], name: str = "w") -> dict[str, Any]:
    """Wait until the workflow is in one of the states; its status."""
    return await poll(lambda: server.status(name), lambda status: status.get("state") in states, agent)


async def ended(server: Server, agent: Program, name: str = "w") -> dict[str, Any]:
    """Wait until the workflow has ended; its status."""
    return await reaches(server, agent, ENDED, name)
