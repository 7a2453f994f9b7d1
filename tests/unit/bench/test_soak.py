"""What a soak holds against the server, and the boots of its simulated machines."""

import asyncio
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench import soak_page
from bench.soak_machines import REBOOT, Journal, Machine, begun
from bench.soak_verdict import Verdict, judge
from osie.contracts.action_events import Progress
from osie.tink.domain.states import accept, report
from osie.tink.domain.workflow import Action, ActionState, Task, Workflow
from osie.worker import action as worker
from osie.worker.action import LogLine

MAC, NAME = "52:54:00:00:00:01", "default/w"


class Deaf:
    """Hears nothing."""

    def line(self, line: LogLine) -> None:
        """A line."""

    def progress(self, progress: Progress) -> None:
        """Progress."""


def run(name: str, action_id: str) -> worker.Run:
    """A run that the server handed out."""
    return worker.Run(worker.Action(NAME, "t", MAC, action_id, name, "soak"), 1.0)


async def apply(machine: Machine, *runs: worker.Run) -> None:
    """What the worker has executed; a reboot takes it down."""
    for each in runs:
        executing = asyncio.create_task(machine.execute(each, Deaf()))
        down = asyncio.create_task(machine.down.wait())
        await asyncio.wait({executing, down}, return_when=asyncio.FIRST_COMPLETED)
        executing.cancel()
        down.cancel()
        await asyncio.wait({executing, down})
        machine.down.clear()


def succeeds(_action_id: str, _name: str) -> bool:
    """Everything does."""
    return True


def verdict(journal: Path, *names: str) -> Verdict:
    """On a workflow of which the server was told that each action ran and succeeded."""
    actions = tuple(Action(str(n), name, "soak", 0) for n, name in enumerate(names))
    made = Workflow("id", "default", "w", "hw", "tpl", (Task("t", "t", "me", ("me",), actions),))
    step = accept(made, 0.0)
    changes = list(step.changes)
    for action in actions:
        for state in (ActionState.RUNNING, ActionState.SUCCESS):
            step = report(step.workflow, {"me"}, action.id, state, 1.0)
            changes += step.changes
    events = [asdict(change) for change in changes]
    return judge({NAME: (step.workflow, events)}, begun(journal), succeeds)


async def test_each_reboot_is_another_boot(tmp_path: Path) -> None:
    """The boot's id changes with a reboot only, and a worker's process that is started again has the same."""
    journal = tmp_path / "1.jsonl"
    machine = Machine(MAC, Journal(journal), 0.0, succeeds)
    seen = [machine.boot_id]
    for number, name in enumerate(("write", REBOOT, "check", REBOOT)):
        await apply(machine, run(name, str(number)))
        assert machine.boot_id == Machine(MAC, Journal(journal), 0.0).boot_id
        seen.append(machine.boot_id)
    assert [seen.index(boot_id) for boot_id in seen] == [0, 0, 2, 2, 4]
    assert Machine("52:54:00:00:00:02", Journal(journal), 0.0).boot_id not in seen


@pytest.mark.parametrize("missing", ["write", REBOOT])
async def test_an_action_that_was_never_applied_is_a_fault(tmp_path: Path, missing: str) -> None:
    """A reboot as any other: that its worker asked again does not stand for it."""
    runs = [run("write", "0"), run(REBOOT, "1")]
    machine = Machine(MAC, Journal(tmp_path / "1.jsonl"), 0.0, succeeds)
    await apply(machine, *(each for each in runs if each.action.name != missing))
    faults = verdict(tmp_path, "write", REBOOT).faults
    assert len(faults) == 1
    assert missing in faults[0]
    assert "never applied" in faults[0]


async def test_what_was_applied_once_is_sound(tmp_path: Path) -> None:
    """No fault, and none on the page."""
    machine = Machine(MAC, Journal(tmp_path / "1.jsonl"), 0.0, succeeds)
    await apply(machine, run("write", "0"), run(REBOOT, "1"))
    found = verdict(tmp_path, "write", REBOOT)
    assert (found.faults, found.states, found.runs) == ([], {"SUCCESS": 1}, 2)
    plan = {"minutes": 1, "seconds": 90, "machines": 1, "servers": 1, "workflows": 1, "kills": {}}
    told = asdict(replace(found, given_up=7)) | plan | {"cpus": 2, "host": "x86_64", "load": 1.0}
    page = soak_page.render({"sqlite": told})
    assert "| ... ended as | 1 SUCCESS |" in page
    assert "| runs that the server gave up, for want of a report | 7 |" in page
    assert "- sqlite:" not in page


async def test_a_container_that_was_begun_twice_is_a_fault(tmp_path: Path) -> None:
    """For instance a reboot that is served again in the next boot."""
    machine = Machine(MAC, Journal(tmp_path / "1.jsonl"), 0.0, succeeds)
    await apply(machine, run("write", "0"), run(REBOOT, "1"), run(REBOOT, "1"))
    assert verdict(tmp_path, "write", REBOOT).faults == [f"{NAME}: {REBOOT} (1) was applied 2 times"]
