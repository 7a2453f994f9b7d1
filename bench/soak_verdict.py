"""What a soak proved: the store's events against what the machines really did. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.soak_machines import REBOOT, ends_well
from osie.tink.domain.workflow import ENDED, Workflow

_ENDED = {str(state) for state in ENDED}


@dataclass
class Verdict:
    """The counts, and every sentence about what should not be."""

    states: dict[str, int] = field(default_factory=dict)
    runs: int = 0  # of actions: containers begun
    attempts_again: int = 0  # of these, further attempts at an action
    given_up: int = 0  # runs that the server ended, since no report came in time: a busy host's fault
    faults: list[str] = field(default_factory=list)


def judge(
    workflows: Mapping[str, tuple[Workflow, Sequence[Mapping[str, Any]]]],
    begun: Sequence[Mapping[str, Any]],
    succeeds: Callable[[str, str], bool] = ends_well,
) -> Verdict:
    """Compare each workflow and its events (action_id, action, before, after) with the containers."""
    states = Counter(str(workflow.state) for workflow, _ in workflows.values())
    verdict = Verdict(states=dict(states), runs=len(begun))
    runs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in sorted(begun, key=lambda entry: entry["at"]):
        runs[entry["workflow"]].append(entry)
    for name, (workflow, events) in workflows.items():
        verdict.faults += [f"{name}: {fault}" for fault in _history(workflow, events)]
        verdict.faults += [
            f"{name}: {fault}" for fault in _effects(events, runs.pop(name, []), succeeds, verdict)
        ]
    verdict.faults += [f"{name}: containers of a workflow that there is not" for name in runs]
    return verdict


def _history(workflow: Workflow, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The events tell one unbroken story, which ends once."""
    faults = []
    at: dict[str | None, str | None] = {}
    for event in events:
        which = event["action_id"]
        if which in at and event["before"] != at[which]:
            what = event["action"] or "workflow"
            faults.append(f"{what} goes on from {event['before']} where it was {at[which]}")
        at[which] = event["after"]
    ends = [event["after"] for event in events if event["action_id"] is None and event["after"] in _ENDED]
    if ends != [workflow.state]:
        faults.append(f"is {workflow.state}, and ended as {ends or 'nothing'}")
    return faults


def _effects(
    events: Sequence[Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    succeeds: Callable[[str, str], bool],
    verdict: Verdict,
) -> list[str]:
    """Each run of an action that the store tells of was one container, and there was no other."""
    faults = []
    ended = {e["action_id"]: e for e in events if e["action_id"] and e["before"] == "RUNNING"}
    containers = Counter(run["id"] for run in runs)
    for run_id, count in containers.items():
        if run_id not in ended:
            faults.append(f"container {run_id} has no end in the store")
        elif count > 1:
            faults.append(f"{ended[run_id]['action']} ({run_id}) was applied {count} times")
    names: Counter[str] = Counter()
    for run_id, event in ended.items():
        names[event["action"]] += 1
        if run_id not in containers:
            faults.append(f"{event['action']} ({run_id}) ended, and was never applied")
        good = succeeds(run_id, event["action"])
        if event["after"] == "SUCCESS" and not good:
            faults.append(f"{event['action']} ({run_id}) failed, and is SUCCESS")
        if event["after"] == "TIMEOUT" and event["who"] == "server":
            verdict.given_up += 1
        elif good and event["after"] != "SUCCESS" and event["action"] != REBOOT:
            faults.append(f"{event['action']} ({run_id}) succeeded, and is {event['after']}")
    verdict.attempts_again += sum(count - 1 for count in names.values())
    faults += _order(events, runs)
    return faults


def _order(events: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Containers were begun in the order in which the store tells of the runs."""
    told = [event["action_id"] for event in events if event["action_id"] and event["after"] == "RUNNING"]
    place = {run_id: number for number, run_id in enumerate(told)}
    order = [place[run["id"]] for run in runs if run["id"] in place]
    return [] if order == sorted(order) else ["its actions were begun in another order than the store tells"]
