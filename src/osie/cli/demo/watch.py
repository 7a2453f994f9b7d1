"""Follows one machine from power-on to its end: console, monitor, boots and tink, in one loop."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from osie.cli.client import ApiError, Client, Json
from osie.cli.demo.timeline import PROOF, Timeline
from osie.lab.machine import VirtualMachine

_ENDED_BADLY = {"FAILED", "TIMEOUT"}
_PROGRESS_S = 1.0  # how often the current action's progress is asked for
_LAG_S = 30.0  # how much later than the OS's own word, which is the last, we may hear of what came before it


@dataclass(frozen=True)
class End:
    """Why the watch ended; an empty reason is success."""

    reason: str


@dataclass
class Watch:
    """What there is to follow, and who is told."""

    client: Client
    mac: str
    workflow: str
    token: str
    on_event: Callable[[str, float], None]  # a new event of the timeline, at unix seconds
    on_progress: Callable[[str, Json | None], None]  # the current action's name and its progress
    timeline: Timeline = field(default_factory=Timeline)

    async def run(self, machine: VirtualMachine) -> End:
        """Follow it until the OS is up, or the workflow ended badly.

        Raises TcgFault or MachineError where the machine can't go on.
        """
        end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        sources = [
            self._console(machine),
            self._monitor(machine),
            self._journal(end),
            self._workflow(end),
            self._progress(),
        ]
        tasks = [asyncio.create_task(source) for source in sources]
        try:
            awaited: list[asyncio.Future[Any]] = [end, *tasks]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # raises: none of the sources ends by itself
            return await end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _tell(self, event: str | None) -> None:
        if event is not None:
            self.on_event(event, self.timeline.seen[event])

    async def _console(self, machine: VirtualMachine) -> None:
        async for line in machine.console.follow():
            if line.at >= machine.powered_on_at:
                self._tell(self.timeline.console_line(line.text, line.at))

    async def _monitor(self, machine: VirtualMachine) -> None:
        async for event in machine.events.follow():
            if event.name == "RESET" and event.by_guest:
                self.timeline.resets.append(event.at)
                self._tell(self.timeline.reboot())
            elif event.name == "BLOCK_IO_ERROR" and event.data.get("nospace"):
                # QEMU stops a machine whose disk's file can't grow (`-drive`, werror=enospc), and waits.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(machine.hardware.disk))

    async def _journal(self, end: asyncio.Future[End]) -> None:
        async for item in self._events(f"/machines/{self.mac}/events"):
            event = self.timeline.machine_event(item, self.token)
            self._tell(event)
            if event == "os_up":
                asyncio.get_running_loop().call_later(_LAG_S, _proven, end)
            self._look_for_proof(end)

    async def _workflow(self, end: asyncio.Future[End]) -> None:
        async for item in self._events(f"/workflows/{self.workflow}/events"):
            self._tell(self.timeline.workflow_event(item))
            self._tell(self.timeline.reboot())
            self._look_for_proof(end)
            if not item.get("action") and item["to"] in _ENDED_BADLY and not end.done():
                end.set_result(
                    End(f"workflow {self.workflow} {item['to']}: {item.get('why') or 'no reason told'}")
                )

    def _look_for_proof(self, end: asyncio.Future[End]) -> None:
        if all(event in self.timeline.seen for event in PROOF):
            _proven(end)

    async def _progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            with contextlib.suppress(ApiError):  # the server is being restarted: the next round will tell
                status = (await self.client.request("GET", f"/workflows/{self.workflow}")).get("status") or {}
                current = status.get("currentAction") or {}
                self.on_progress(current.get("action") or "", current.get("progress"))

    async def _events(self, path: str) -> AsyncIterator[Json]:
        """The path's events, each once, through restarts of the server."""
        last = 0
        while True:
            with contextlib.suppress(ApiError):
                async for item in self.client.follow(path, after=last):
                    if item["id"] > last:
                        last = item["id"]
                        yield item
            await asyncio.sleep(0.5)


def _proven(end: asyncio.Future[End]) -> None:
    if not end.done():
        end.set_result(End(""))
