"""Actions from a file, with no server: a JSON list in, a line of JSON for every status out.

The statuses go to FILE.status; a worker that is started again reads there what is done. Lines and progress
of the actions go to standard output.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from osie.contracts.action_events import Progress
from osie.core.errors import OsieError
from osie.worker.action import Action, Exhausted, LogLine, Report, State
from osie.worker.journal import tell


def _action(number: int, given: dict[str, object], agent_id: str) -> Action:
    lists = {
        key: tuple(str(item) for item in _list(given.get(key, [])))
        for key in ("command", "volumes", "environment")
    }
    return Action(
        workflow_id="file",
        task_id="file",
        agent_id=agent_id,
        action_id=f"file-{number}",
        name=str(given["name"]),
        image=str(given["image"]),
        timeout_s=int(str(given.get("timeout", 0))),
        network=str(given.get("network", "")),
        pid=str(given.get("pid", "")),
        **lists,
    )


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} isn't a list")
    return value


def read(file: Path, agent_id: str) -> list[Action]:
    """Read the actions of a file; the error tells all that are wrong."""
    try:
        given = _list(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise OsieError(f"{file} has no JSON list of actions") from error
    actions, wrong = [], []
    for number, entry in enumerate(given, start=1):
        try:
            actions.append(_action(number, dict(entry), agent_id))  # type: ignore[call-overload]  # checked by it
        except (KeyError, TypeError, ValueError) as error:
            wrong.append(f"{file}: action {number}: {type(error).__name__}: {error}")
    if wrong:
        raise OsieError("\n".join(wrong), hint="an action has at least a name and an image")
    return actions


class FileTransport:
    """Source, Sink and Telemetry of a file of actions. Stops at the first that doesn't succeed."""

    def __init__(self, file: Path, agent_id: str) -> None:
        self._actions = read(file, agent_id)
        self._status = file.with_name(file.name + ".status")

    async def next(self) -> Action | None:
        """The first action that has no final status yet."""
        states = await asyncio.to_thread(self._states)
        for action in self._actions:
            state = states.get(action.action_id, State.RUNNING)
            if state is State.RUNNING:
                return action
            if state is not State.SUCCESS:
                break
        raise Exhausted

    async def write(self, report: Report) -> None:
        """Append the status."""
        told = {
            "action_id": report.run.action.action_id,
            "name": report.run.action.name,
            "state": report.state.name,
            "started_at": report.run.started_at,
            "finished_at": report.finished_at,
            "message": report.message,
        }
        await asyncio.to_thread(self._append, json.dumps(told) + "\n")

    async def progress(self, action: Action, progress: Progress) -> None:
        """Print it."""
        tell("progress", action=action.name, phase=progress.phase, done=progress.done, total=progress.total)

    async def logs(self, action: Action, lines: Sequence[LogLine]) -> None:
        """Print them."""
        for line in lines:
            tell("line", action=action.name, stream=line.stream, text=line.text)

    def _states(self) -> dict[str, State]:
        told = self._status.read_text().splitlines() if self._status.exists() else []
        return {entry["action_id"]: State[entry["state"]] for entry in map(json.loads, told)}

    def _append(self, line: str) -> None:
        with self._status.open("a") as file:
            file.write(line)
