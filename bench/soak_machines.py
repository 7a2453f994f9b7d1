"""Simulated machines of the soak: the real worker with its real transport over an engine made of a file.

A container of that engine is a line in the file, written before anything else happens. It runs by the clock,
whether a worker looks after it or not, as a real one does; a worker that is killed finds it again.
"""

import asyncio
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from osie.contracts import tink_pb2
from osie.contracts.action_events import Progress
from osie.worker.action import Action, Listener, LogLine, Outcome, Run, State
from osie.worker.loop import Stop, Worker
from osie.worker.transport.grpc import GrpcSink, GrpcSource, GrpcTelemetry
from osie.worker.transport.link import Link

REBOOT = "restart"  # the name of the action that takes the machine down
FLAKY = "flaky"  # the name of the action that fails every other time
_POWER_ON_S = 20.0  # all machines are switched on within this time
_FIRMWARE_S = 1.0


def ends_well(action_id: str, name: str) -> bool:
    """Whether a run succeeds: decided by its id, so that it can be foretold."""
    return name != FLAKY or hashlib.sha256(action_id.encode()).digest()[0] % 2 == 0


def duration_s(action_id: str, mean_s: float) -> float:
    """How long a run takes, from a fifth of the mean to nearly twice as long: by its id, too."""
    return mean_s * (0.2 + 1.6 * hashlib.sha256(action_id.encode()).digest()[1] / 256)


class Journal:
    """A file of JSON lines. A line is one write: it is there whole or not at all, wherever we are killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR)
        self._lines = path.read_text().splitlines()

    def of(self, mac: str) -> list[dict[str, Any]]:
        """What was written of a machine."""
        return [entry for entry in map(json.loads, self._lines) if entry["mac"] == mac]

    def add(self, **entry: Any) -> None:
        """Write an entry."""
        os.write(self._file, (json.dumps(entry) + "\n").encode())


class Machine:
    """The worker's Runtime and Images. `succeeds` tells from a run's id and name how it ends."""

    def __init__(
        self, mac: str, journal: Journal, mean_s: float, succeeds: Callable[[str, str], bool] = ends_well
    ) -> None:
        self.mac = mac
        self.down = asyncio.Event()  # the machine reboots: its worker is gone
        self._journal = journal
        self._mean_s = mean_s
        self._succeeds = succeeds
        self._containers: dict[str, Run] = {}
        self._reboots = 0
        for entry in journal.of(mac):
            if entry["event"] == "forgotten":
                self._containers.pop(entry["id"], None)
            elif entry["name"] == REBOOT:
                self._go_down()
            else:
                self._containers[entry["id"]] = _run(entry["run"])

    @property
    def boot_id(self) -> str:
        """Another one after each reboot; the worker's process may be killed in between."""
        return f"{self.mac} {self._reboots}"

    def _go_down(self) -> None:
        self._containers.clear()  # RAM
        self._reboots += 1

    async def leftovers(self) -> Sequence[Run]:
        """Containers that an earlier worker left."""
        return list(self._containers.values())

    async def execute(self, run: Run, listener: Listener) -> Outcome:
        """Run the action, or go on with the container that it has."""
        action = run.action
        if action.action_id not in self._containers:
            self._begin(run)
        if action.name == REBOOT:
            await asyncio.Event().wait()  # the worker goes down with its machine, and reports nothing
        ends_at = run.started_at + duration_s(action.action_id, self._mean_s)
        listener.line(LogLine(1, run.started_at, "stdout", f"{action.name} begins"))
        listener.progress(Progress(phase="work", done=1, total=2, unit="steps", rate_per_s=1.0, eta_s=1.0))
        await asyncio.sleep(max(0.0, ends_at - time.time()))
        good = self._succeeds(action.action_id, action.name)
        return Outcome(State.SUCCESS if good else State.FAILED, f"exit code {0 if good else 1}", ends_at)

    def _begin(self, run: Run) -> None:
        action = run.action
        told = {"mac": self.mac, "id": action.action_id, "name": action.name, "workflow": action.workflow_id}
        self._journal.add(event="begun", at=time.time(), run=asdict(run), **told)
        if action.name == REBOOT:
            self._go_down()
            self.down.set()
        else:
            self._containers[action.action_id] = run

    async def forget(self, run: Run) -> None:
        """Remove a container."""
        if self._containers.pop(run.action.action_id, None) is not None:
            told = {"mac": self.mac, "id": run.action.action_id}
            self._journal.add(event="forgotten", at=time.time(), name=run.action.name, **told)

    async def keep_only(self, image: str) -> None:
        """There are no images."""


def _run(entry: dict[str, Any]) -> Run:
    action = entry["action"]
    lists = {key: tuple(action[key]) for key in ("command", "volumes", "environment")}
    return Run(Action(**{**action, **lists}), entry["started_at"])


def begun(folder: Path) -> list[dict[str, Any]]:
    """Every container that was begun, by the journals in a folder."""
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["event"] == "begun"]


async def live(machine: Machine, ports: Sequence[int], boot_s: float = _FIRMWARE_S) -> None:
    """Work, and boot again where an action took the machine down; for ever."""
    while True:
        machine.down.clear()
        link = Link("127.0.0.1", random.choice(ports), None)
        worker = Worker(
            source=GrpcSource(link, machine.mac, tink_pb2.AgentAttributes, machine.boot_id),
            sink=GrpcSink(link),
            telemetry=GrpcTelemetry(link),
            runtime=machine,
            images=machine,
            stop=Stop(),
        )
        working, down = asyncio.create_task(worker.run()), asyncio.create_task(machine.down.wait())
        try:
            await asyncio.wait({working, down}, return_when=asyncio.FIRST_COMPLETED)
            if not machine.down.is_set():
                working.result()
                raise RuntimeError(f"the worker of {machine.mac} ended by itself")
        finally:
            working.cancel()
            down.cancel()
            await asyncio.wait({working, down})
            link.close()
        await asyncio.sleep(boot_s)


async def _power_on(machine: Machine, ports: Sequence[int], after_s: float) -> None:
    await asyncio.sleep(after_s)
    await live(machine, ports)


async def _rack(macs: Sequence[str], ports: Sequence[int], journal: Journal, mean_s: float) -> None:
    new = {mac for mac in macs if not journal.of(mac)}
    async with asyncio.TaskGroup() as group:
        for mac in macs:
            after_s = random.uniform(0, _POWER_ON_S) if mac in new else random.uniform(0, 1)
            group.create_task(_power_on(Machine(mac, journal, mean_s), ports, after_s))


def run(macs: Sequence[str], ports: Sequence[int], file: Path, log: Path, mean_s: float) -> None:
    """The life of a process with some machines: until it is killed. What they print goes nowhere."""
    with log.open("a") as errors, Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    asyncio.run(_rack(macs, ports, Journal(file), mean_s))
