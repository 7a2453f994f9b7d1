"""Follows one machine from power-on to its end: console, monitor, boots and tink, in one loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from osie.cli.client import ApiError, Client, Json
from osie.cli.demo.timeline import Timeline

_ENDED_BADLY = {"FAILED", "TIMEOUT"}
_PROGRESS_S = 1.0  # how often the current action's progress is asked for


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

    def console_line(self, text: str, at: float) -> None:
        """The machine said something on its console."""
        self._tell(self.timeline.console_line(text, at))

    def reset(self, at: float) -> None:
        """The machine reset itself; before the workflow's success that is no reboot of ours."""
        if "workflow_success" in self.timeline.seen and self.timeline.saw("reboot", at):
            self._tell("reboot")

    async def run(self) -> End:
        """Follow it until the OS is up, or the workflow ended badly."""
        end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._machine(end)),
                group.create_task(self._workflow(end)),
                group.create_task(self._progress()),
            ]
            try:
                return await end
            finally:
                for task in tasks:
                    task.cancel()

    def _tell(self, event: str | None) -> None:
        if event is not None:
            self.on_event(event, self.timeline.seen[event])

    async def _machine(self, end: asyncio.Future[End]) -> None:
        async for item in self._events(f"/machines/{self.mac}/events"):
            self._tell(self.timeline.machine_event(item, self.token))
            if "os_up" in self.timeline.seen and not end.done():
                end.set_result(End(""))

    async def _workflow(self, end: asyncio.Future[End]) -> None:
        async for item in self._events(f"/workflows/{self.workflow}/events"):
            self._tell(self.timeline.workflow_event(item))
            if not item.get("action") and item["to"] in _ENDED_BADLY and not end.done():
                end.set_result(
                    End(f"workflow {self.workflow} {item['to']}: {item.get('why') or 'no reason told'}")
                )

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
