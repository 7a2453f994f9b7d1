"""A workflow from a file, with no server: a rendered template (JSON) in, a line of JSON for every status out.

The statuses go to FILE.status; a worker that is started again reads there what is done. Lines and progress
of the actions go to standard output.
"""

import asyncio
import json
import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from osie.contracts.action_events import Progress
from osie.core.errors import OsieError
from osie.worker.action import Action, Exhausted, LogLine, Report, State
from osie.worker.log import tell
from osie.worker.machine.boot_id import boot_id
from osie.worker.transport.file_workflow import MOST_BACKOFF_S, Plan, Told, find_next, parse


def read(file: Path, agent_id: str) -> Plan:
    """Read a rendered template; the error tells all that is wrong with it."""
    prefix = f"file-{zlib.crc32(bytes(file.resolve())):08x}"  # two files' containers aren't each other's
    try:
        return parse(json.loads(file.read_text()), agent_id=agent_id, prefix=prefix)
    except OSError as error:
        raise OsieError(f"{file} can't be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        hint = "write one with `osie render WORKFLOW -o json`"
        raise OsieError(f"{file} is no JSON: {error}", hint=hint) from error
    except ValueError as error:
        raise OsieError("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from None


class FileTransport:
    """Source, Sink and Telemetry of a file."""

    def __init__(self, file: Path, agent_id: str, *, clock: Callable[[], float] = time.time) -> None:
        self._plan = read(file, agent_id)
        self._status = file.with_name(file.name + ".status")
        self._clock = clock
        self._boot = boot_id()
        self.failed = False  # an action didn't succeed, or all of them took too long

    async def next(self) -> Action | None:
        """The next action, when it is due."""
        told = await asyncio.to_thread(self._told)
        following = find_next(self._plan, told, now=self._clock(), boot=self._boot)
        if following.action is None:
            self.failed = following.failed
            raise Exhausted
        due_s = following.not_before - self._clock()
        await asyncio.sleep(min(max(0.0, due_s), MOST_BACKOFF_S))  # the clock may have been set back
        return following.action

    async def write(self, report: Report) -> None:
        """Append the status, durably: the next action may cut the power."""
        told = {
            "action_id": report.run.action.action_id,
            "name": report.run.action.name,
            "state": report.state.name,
            "started_at": report.run.started_at,
            "finished_at": report.finished_at,
            "boot": self._boot,
            "message": report.message,
        }
        await asyncio.to_thread(self._append, json.dumps(told).encode() + b"\n")

    async def heartbeat(self, _action: Action) -> str | None:
        """Nobody listens."""
        return None

    async def progress(self, action: Action, progress: Progress) -> None:
        """Print it."""
        tell("progress", action=action.name, phase=progress.phase, done=progress.done, total=progress.total)

    async def logs(self, action: Action, lines: Sequence[LogLine]) -> None:
        """Print them."""
        for line in lines:
            tell("line", action=action.name, stream=line.stream, text=line.text)

    def _told(self) -> dict[str, Told]:
        """The last status of each run. A line that the power was cut in says nothing."""
        told = {}
        for line in self._status.read_bytes().splitlines() if self._status.exists() else []:
            try:
                entry = json.loads(line)
                told[str(entry["action_id"])] = Told(
                    State[entry["state"]], entry["started_at"], entry["finished_at"], entry.get("boot", "")
                )
            except (ValueError, KeyError, TypeError):
                tell("status_ignored", line=line.decode("utf-8", "replace"))
        return told

    def _append(self, line: bytes) -> None:
        with self._status.open("a+b") as file:
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
