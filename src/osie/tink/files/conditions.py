"""An action's `if`: what it may name, and what its value means."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from osie.tink.domain.workflow import Task, Workflow
from osie.tink.files.render_child import Job, render_all

_FALSE = {"", "false", "0", "no"}
# There for every machine: a pipeline may count what there is none of.
_ATTRIBUTES: dict[str, Any] = {
    "cpu": {},
    "memory": {},
    "chassis": {},
    "bios": {},
    "baseboard": {},
    "product": {},
}
_LISTS = {"block": "blockDevices", "network": "networkInterfaces", "pci": "pciDevices", "gpu": "gpuDevices"}
_BEFORE = "{{ "
_AGENTS = ThreadPoolExecutor(8, thread_name_prefix="if")  # as many as agents' calls are worked on at once
_PLACE = re.compile(r"^line 1, column (\d+)")


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, or why that can't be told."""

    holds: bool
    fault: str = ""


def data(workflow: Workflow, task: Task, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`.attributes`, the lists in them also by upstream's names, and `.actions`, the task's own first."""
    lists = {key: attributes.get(key, []) for key in _LISTS}
    named = {alias: lists[key] for key, alias in _LISTS.items()}
    actions = {
        action.name: {"state": str(action.state), "message": action.message, "attempt": action.attempt}
        for each in sorted(workflow.tasks, key=lambda each: each.id == task.id)
        for action in each.actions
    }
    return {"attributes": {**_ATTRIBUTES, **attributes, **lists, **named}, "actions": actions}


async def evaluate(condition: str, values: dict[str, Any]) -> Verdict:
    """The condition's verdict, by the rendering child."""
    rendered = (await render_all([_job(condition, values)], _AGENTS))[0]
    holds = rendered.text.strip().lower() not in _FALSE and not rendered.fault
    return Verdict(holds, _placed(rendered.fault))


async def faults(conditions: Sequence[str]) -> list[str]:
    """What is wrong with the syntax of each; "": nothing."""
    return [_placed(checked.fault) for checked in await render_all([_job(text, None) for text in conditions])]


def _job(condition: str, values: dict[str, Any] | None) -> Job:
    return Job(_BEFORE + condition + " }}", values)


def _placed(fault: str) -> str:
    """The fault with the column of the condition as it was written."""
    return _PLACE.sub(lambda place: f"column {int(place[1]) - len(_BEFORE)}", fault)
