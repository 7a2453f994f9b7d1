"""Why a workflow is where it is, in plain sentences. Pure: from its state, its events and its last lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from osie.tink.domain.workflow import (
    ACTION_DONE,
    Action,
    ActionState,
    Cause,
    State,
    Task,
    Turn,
    Workflow,
    current,
)

_CAUSES = {
    Cause.ACTION: "an action failed",
    Cause.ACTION_TIMEOUT: "an action took longer than its timeout",
    Cause.GLOBAL_TIMEOUT: "it took longer than its global timeout",
    Cause.CANCELLED: "an operator cancelled it",
    Cause.SILENT: "its agent fell silent",
    Cause.LOOP: "its machine netbooted again and again with nothing done in between",
}


_RECENTLY_S = 120.0  # an agent that waits is seen more often than that


@dataclass(frozen=True)
class Hindrances:
    """What may keep the agent whose turn it is from asking, or from getting its action."""

    hardware: str = ""  # the Hardware that has the agent's id; "": none
    ahead: str = ""  # the workflow that it has to finish first; "": none
    may_work: bool = True  # the Hardware's allowWorkflow
    netboots: bool = True  # its allowPXE, as it was toggled
    seen_at: float | None = None  # when the machine was last seen; None: never
    no_address: str = ""  # why DHCP had none for it when it was last seen; "": it had


def explain(
    workflow: Workflow,
    events: Sequence[Mapping[str, Any]],
    lines: Sequence[str],
    hindrances: Hindrances,
    now: float,
) -> list[str]:
    """The sentences. `events` and `lines` as the API shows them; `lines` are the current action's last."""
    return [
        *_opening(workflow, now),
        *_standing(workflow, hindrances, now),
        *_history(events, now),
        *_last_lines(workflow, lines),
        *_advice(workflow),
    ]


def span(since: float, until: float) -> str:
    """A time in two units at most: 45 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    seconds = max(0, round(until - since))
    for unit, size, lesser, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {lesser}" if rest else "")
    return f"{seconds} s"


def _opening(workflow: Workflow, now: float) -> Iterator[str]:
    run = f", now in its run {workflow.run}" if workflow.run > 1 else ""
    where = f"hardware {workflow.hardware}" if workflow.hardware else "the workers that it names"
    yield (
        f"Workflow {workflow.namespace}/{workflow.name} brings template {workflow.template} to {where}; "
        f"it was applied {span(workflow.created_at, now)} ago{run}."
    )


def _history(events: Sequence[Mapping[str, Any]], now: float) -> Iterator[str]:
    told = [f"  {span(event['at'], now)} ago: {text}" for event in events if (text := _event(event))]
    if told:
        yield "What happened:"
    yield from told


def _event(event: Mapping[str, Any]) -> str:
    """What is worth telling of an event; "": nothing, since the standing tells it."""
    why, who, action = event["why"], event["who"], event["action"]
    by = f", said by the {who}" if who.startswith("operator") else ""
    if action is None:
        return f"{why}{by}." if event["from"] == event["to"] or by else ""
    match event["to"]:
        case "FAILED" | "TIMEOUT":
            verb = "failed" if event["to"] == "FAILED" else "timed out"
            return f"action {action} {verb}: {_sentence(why) or 'no reason was told.'}"
        case "SKIPPED":
            return f"action {action} was skipped: {_sentence(why)}"
        case "PENDING" if not by:  # the workflow's own event tells what an operator did
            return f"action {action} is to be run again: {_sentence(why)}"
        case _:
            return ""


def _sentence(text: str) -> str:
    """Ended with a full stop; what follows its first line is indented below it."""
    text = "\n    ".join(text.strip().splitlines())
    return text if not text or text[-1] in ".!?" else text + "."


def _standing(workflow: Workflow, hindrances: Hindrances, now: float) -> Iterator[str]:
    if not workflow.ended:
        yield from _going(workflow, hindrances, now)
        return
    verb = {State.SUCCESS: "succeeded", State.TIMEOUT: "timed out"}.get(workflow.state, "failed")
    cause = _CAUSES.get(workflow.cause, "")
    yield f"It {verb}{_took(workflow)}" + (f", since {cause}" if cause else "") + f": {_tally(workflow)}."
    if workflow.message:
        yield f"Its last word: {_sentence(workflow.message)}"


def _took(workflow: Workflow) -> str:
    if workflow.started_at is None or workflow.stopped_at is None:
        return " before any action began" + (" anew" if workflow.began else "")
    return f" {span(workflow.started_at, workflow.stopped_at)} after its first action began"


def _tally(workflow: Workflow) -> str:
    actions = [action for task in workflow.tasks for action in task.actions]
    done = sum(action.state is ActionState.SUCCESS for action in actions)
    skipped = sum(action.state is ActionState.SKIPPED for action in actions)
    told = f"{done} of {len(actions)} actions succeeded"
    return told + (f", {skipped} {'was' if skipped == 1 else 'were'} skipped" if skipped else "")


def _going(workflow: Workflow, hindrances: Hindrances, now: float) -> Iterator[str]:
    turn = current(workflow)
    if turn is None:
        return
    if workflow.disabled:
        yield "It is disabled: nothing of it is handed out, and no other workflow waits for it."
        return
    yield f"It is {workflow.state}: {_tally(workflow)}."
    yield from _turn(turn, hindrances, now)
    if workflow.silent_since is not None:
        rebooting = turn.action.reboot and turn.action.state is ActionState.RUNNING
        yield (
            f"Agent {_agent(turn.task)} has not been heard for {span(workflow.silent_since, now)}: "
            + ("did the machine come back from its reboot" if rebooting else "is the machine on")
            + ", and does its network reach this server?"
        )
    if workflow.boots:
        times = "once" if workflow.boots == 1 else f"{workflow.boots} times"
        yield f"The machine netbooted {times} since an action last succeeded."


def _agent(task: Task) -> str:
    return task.worker or task.agents[0]


def _turn(turn: Turn, hindrances: Hindrances, now: float) -> Iterator[str]:
    action, agent = turn.action, _agent(turn.task)
    name = f"action {action.name} of task {turn.task.name}{_attempt(action)}"
    if action.state is ActionState.RUNNING:
        limit = f"; it may take {action.timeout_s} s" if action.timeout_s else "; it has no timeout"
        yield f"Agent {agent} runs {name} for {span(action.started_at or now, now)}{limit}."
        return
    if action.handed_out_at is not None:
        since = span(action.handed_out_at, now)
        yield f"Agent {agent} was given {name} {since} ago, and hasn't said that it runs."
    elif action.not_before is not None and action.not_before > now:
        yield f"The next is {name}, which may begin in {span(now, action.not_before)}."
    elif hindrances.ahead or not hindrances.may_work:
        yield f"The next is {name}, for agent {agent}."
    else:
        yield f"The next is {name}: agent {agent} has yet to ask for it."
    yield from _hindered(hindrances, agent, now)


def _hindered(hindrances: Hindrances, agent: str, now: float) -> Iterator[str]:
    """Why that may take longer than it should, and what to do."""
    if not hindrances.may_work:
        yield (
            f"It is given no work, since allowWorkflow is false: set it to true in Hardware "
            f"{hindrances.hardware}, and apply that."
        )
    if hindrances.ahead:
        yield (
            f"Agent {agent} has workflow {hindrances.ahead} before it, and they run one after the other: "
            f"`osie workflow explain {_named(hindrances.ahead)}` tells where that stands."
        )
        return
    if hindrances.no_address:
        yield f"The machine asked by DHCP, and got no address: {hindrances.no_address}."
    elif hindrances.seen_at is not None and now - hindrances.seen_at <= _RECENTLY_S:
        return
    elif not hindrances.hardware:
        yield f"No Hardware has the agent id {agent}: only a machine that asks under exactly that id gets it."
    elif hindrances.seen_at is None:
        yield "The machine was never seen: is it on, and does it netboot in this server's network?"
    else:
        yield f"The machine was last seen {span(hindrances.seen_at, now)} ago: is it on?"
    if not hindrances.netboots:
        yield (
            "It does not netboot, since allowPXE is false: set it to true in Hardware "
            f"{hindrances.hardware}, or toggleAllowNetboot in the workflow's bootOptions, apply that, "
            "and start the machine anew."
        )


def _named(full: str) -> str:
    """NAMESPACE/NAME as the commands take it."""
    namespace, _, name = full.rpartition("/")
    return name + (f" -n {namespace}" if namespace != "default" else "")


def _attempt(action: Action) -> str:
    return f" (attempt {action.attempt} of {action.retries + 1})" if action.retries else ""


def _last_lines(workflow: Workflow, lines: Sequence[str]) -> Iterator[str]:
    turn = current(workflow)
    if lines and turn is not None and workflow.state is not State.SUCCESS:
        yield f"The last lines of action {turn.action.name}:"
        yield from (f"  {line}" for line in lines)


def _advice(workflow: Workflow) -> Iterator[str]:
    name = _named(f"{workflow.namespace}/{workflow.name}")
    if workflow.ended and workflow.state is not State.SUCCESS:
        turn = current(workflow)
        first = any(action.state in ACTION_DONE for task in workflow.tasks for action in task.actions)
        if turn is not None and first:
            yield f"`osie workflow retry {name}` goes on with action {turn.action.name}."
        yield f"`osie workflow run-again {name}` begins with the first action."
    elif workflow.disabled:
        yield "Apply it without `disabled: true`, and it may begin."
    elif not workflow.ended:
        yield f"`osie workflow cancel {name}` ends it now."
