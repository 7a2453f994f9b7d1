"""One QEMU, from power on to power off, with the tasks that listen to it."""

import asyncio
import socket
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from osie.core.errors import OsieError
from osie.core.process import clean_environment
from osie.lab.network import Network
from osie.lab.qmp import Event, Monitor

_READ_BYTES = 1 << 16

OnConsole = Callable[[bytes, float], None]
OnEnd = Callable[[str], None]


class QemuError(OsieError):
    """QEMU does not start."""


class RunningQemu:
    """A process of QEMU, its monitor and its console. Made by `start`, ended by `end`."""

    def __init__(
        self, process: Process, console: socket.socket, on_console: OnConsole, on_end: OnEnd
    ) -> None:
        self.process = process
        self.monitor: Monitor | None = None
        self._on_end = on_end
        self._ending = False  # because we said so
        self._said = ""
        self._tasks = (
            asyncio.create_task(_record(console, on_console), name="console"),
            asyncio.create_task(self._attend(), name="qemu"),
        )

    @classmethod
    async def start(
        cls,
        network: Network,
        command: Callable[[int, int], list[str]],
        *,
        on_console: OnConsole,
        on_event: Callable[[Event], None],
        on_end: OnEnd,
    ) -> Self:
        """Start what `command` makes of the file descriptors of monitor and console; `on_end` hears of an
        end that wasn't ours. Sockets are inherited, so there is no path, no waiting for it, and no leftover.
        """
        monitor, its_monitor = socket.socketpair()
        console, its_console = socket.socketpair()
        descriptors = (its_monitor.fileno(), its_console.fileno())
        with its_monitor, its_console:
            process = await asyncio.create_subprocess_exec(
                *network.command(command(*descriptors)),
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                pass_fds=descriptors,
                env=clean_environment(),
                start_new_session=True,
            )
        running = cls(process, console, on_console, on_end)
        try:
            running.monitor = await Monitor.open(monitor, on_event)
        except OsieError as error:
            await running.end()
            raise QemuError(f"QEMU did not start: {running._said}") from error
        except BaseException:
            await running.end()
            raise
        return running

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.returncode is None

    async def reset(self) -> None:
        """Press the reset button."""
        if self.monitor is not None:
            await self.monitor.execute("system_reset")

    async def ask_to_end(self, within_s: float) -> None:
        """Press the guest's power button, and wait that long for it to have an effect."""
        self._ending = True
        if self.monitor is not None:
            await self.monitor.execute("system_powerdown")
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.process.wait()

    async def end(self) -> None:
        """End it at once, and all that listens to it."""
        self._ending = True
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await asyncio.wait(self._tasks)  # both end with the process
        if self.monitor is not None:
            await self.monitor.close()

    async def _attend(self) -> None:
        if self.process.stderr is not None:
            self._said = (await self.process.stderr.read()).decode(errors="replace").strip()
        code = await self.process.wait()
        if not self._ending:
            self._on_end(f"QEMU's exit status is {code}. {self._said}".strip())


async def _record(console: socket.socket, on_console: OnConsole) -> None:
    console.setblocking(False)
    loop = asyncio.get_running_loop()
    with console, suppress(ConnectionError):
        while data := await loop.sock_recv(console, _READ_BYTES):
            on_console(data, time.time())
