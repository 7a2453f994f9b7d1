"""The workflow's state machine: pure functions from a workflow and what happened to the next workflow.

docs/explanation/workflow-states.md draws it and explains each edge.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from osie.core.errors import OsieError
from osie.tink.workflow import ACTION_ENDED, ENDED, Action, ActionState, State, Turn, Workflow, current, find

GRACE_S = 60.0  # the worker enforces an action's timeout itself; we step in where it is gone


class UnknownActionError(OsieError):
    """The workflow has no such action."""


class NotYoursError(OsieError):
    """The action is another agent's."""


class OutOfTurnError(OsieError):
    """It is not this action's, or this agent's, turn."""


@dataclass(frozen=True)
class Change:
    """One change of state, for the record. `task` and `action` are names; None: it is the workflow's own."""

    at: float
    before: str | None
    after: str
    why: str
    task: str | None = None
    action: str | None = None
    action_id: str | None = None
    agent: str | None = None


@dataclass(frozen=True)
class Step:
    """The outcome of an event. No changes: nothing happened that isn't known already."""

    workflow: Workflow
    changes: tuple[Change, ...] = ()


def accept(workflow: Workflow, at: float) -> Step:
    """The workflow is stored and its machine made ready: agents may ask for it."""
    why = "netboot turned on" if workflow.toggle_netboot else "accepted"
    created = Change(at, None, State.PREPARING, "applied")
    step = _to(Step(replace(workflow, created_at=at, state=State.PREPARING)), State.PENDING, at, why)
    return replace(step, changes=(created, *step.changes))


def hand_out(workflow: Workflow, agents: Collection[str], at: float) -> tuple[Step, Turn | None]:
    """What the agent shall run; None where that was the workflow's end. Raises OutOfTurnError.

    A running action is handed out again under the same id: the worker that asks lost track of it. A reboot
    is not: that its worker asks again is the reboot's success, and serving it again would loop for ever.
    """
    step = Step(workflow)
    while True:
        turn = None if step.workflow.ended else current(step.workflow)
        if turn is None:
            return step, None
        if not set(agents) & set(turn.task.agents):
            if step.changes:
                return step, None
            raise OutOfTurnError(
                f"workflow {workflow.name}: it is the turn of {turn.task.worker or 'another'}"
            )
        if not (turn.action.reboot and turn.action.state is ActionState.RUNNING):
            break
        step = _end(step, turn, ActionState.SUCCESS, at, "the agent asked for work again after the reboot")
    if turn.action.handed_out_at is None:
        handed = replace(turn.action, handed_out_at=at)
        step = Step(_put(step.workflow, handed), step.changes)
        turn = replace(turn, action=handed)
    return step, turn


def report(
    workflow: Workflow,
    agents: Collection[str],
    action_id: str,
    state: ActionState,
    at: float,
    *,
    message: str = "",
    duration: str = "",
) -> Step:
    """An agent says what became of an action. A report that is late or repeated changes nothing.

    Raises UnknownActionError, NotYoursError, OutOfTurnError.
    """
    told = find(workflow, action_id)
    if told is None:
        raise UnknownActionError(f"workflow {workflow.name}: no action {action_id}")
    if not set(agents) & set(told.task.agents):
        raise NotYoursError(f"workflow {workflow.name}: action {told.action.name} is another agent's")
    if workflow.ended or told.action.state in ACTION_ENDED or state is ActionState.PENDING:
        return Step(workflow)
    turn = current(workflow)
    if turn is None or turn.action.id != action_id:
        raise OutOfTurnError(f"workflow {workflow.name}: it is not the turn of action {told.action.name}")
    agent = sorted(set(agents) & set(told.task.agents))[0]
    step = Step(workflow)
    if told.action.state is ActionState.PENDING:
        step = _start(step, told, at, agent)
    if state is ActionState.RUNNING:
        return step
    return _end(step, told, state, at, message, agent=agent, duration=duration)


def booted(workflow: Workflow, agents: Collection[str], at: float) -> Step:
    """The machine started anew: a reboot that was handed out to it has succeeded."""
    turn = None if workflow.ended else current(workflow)
    if turn is None or not turn.action.reboot or not set(agents) & set(turn.task.agents):
        return Step(workflow)
    if turn.action.handed_out_at is None and turn.action.state is ActionState.PENDING:
        return Step(workflow)
    step = Step(workflow)
    if turn.action.state is ActionState.PENDING:
        step = _start(step, turn, at, None)
    return _end(step, turn, ActionState.SUCCESS, at, "the machine booted")


def expire(workflow: Workflow, at: float, serving_since: float) -> Step:
    """End what is overdue. While we were down no report could arrive: grace begins no earlier than we did."""
    if workflow.ended:
        return Step(workflow)
    turn = current(workflow)
    if turn and turn.action.state is ActionState.RUNNING and turn.action.timeout_s:
        due = max((turn.action.started_at or at) + turn.action.timeout_s, serving_since) + GRACE_S
        if at > due:
            why = f"no report within its timeout of {turn.action.timeout_s} s and {GRACE_S:g} s more"
            return _end(Step(workflow), turn, ActionState.TIMEOUT, at, why)
    if workflow.started_at is not None and workflow.global_timeout_s:
        due = max(workflow.started_at + workflow.global_timeout_s, serving_since) + GRACE_S
        if at > due:
            return _overdue(workflow, turn, at)
    return Step(workflow)


def _overdue(workflow: Workflow, turn: Turn | None, at: float) -> Step:
    why = f"not done within the global timeout of {workflow.global_timeout_s} s"
    if turn is not None and turn.action.state is ActionState.RUNNING:
        return _end(Step(workflow), turn, ActionState.TIMEOUT, at, why)
    return _to(Step(replace(workflow, message=why)), State.TIMEOUT, at, why)


def _start(step: Step, turn: Turn, at: float, agent: str | None) -> Step:
    workflow = step.workflow
    action = replace(turn.action, state=ActionState.RUNNING, started_at=at)
    action = replace(action, handed_out_at=action.handed_out_at or at)
    step = Step(_put(workflow, action), step.changes)
    if workflow.state is State.PENDING:
        step = _to(
            replace(step, workflow=replace(step.workflow, started_at=at)), State.RUNNING, at, "first action"
        )
    change = _change(turn, ActionState.PENDING, ActionState.RUNNING, at=at, why="", agent=agent)
    return replace(step, changes=(*step.changes, change))


def _end(
    step: Step,
    turn: Turn,
    state: ActionState,
    at: float,
    why: str,
    *,
    agent: str | None = None,
    duration: str = "",
) -> Step:
    found = find(step.workflow, turn.action.id)
    before = found.action if found else turn.action
    action = replace(before, state=state, stopped_at=at, message=why, duration=duration)
    change = _change(turn, before.state, state, at=at, why=why, agent=agent)
    step = Step(_put(step.workflow, action), (*step.changes, change))
    if state is ActionState.SUCCESS:
        return step if current(step.workflow) else _succeed(step, at)
    verb = "failed" if state is ActionState.FAILED else "timed out"
    told = f"action {action.name} of task {turn.task.name} {verb}" + (f": {why}" if why else "")
    return _to(replace(step, workflow=replace(step.workflow, message=told)), State(state.value), at, told)


def _succeed(step: Step, at: float) -> Step:
    step = _to(step, State.POST, at, "every action succeeded")
    why = "netboot turned off" if step.workflow.toggle_netboot else "done"
    return _to(step, State.SUCCESS, at, why)


def _to(step: Step, state: State, at: float, why: str) -> Step:
    change = Change(at, step.workflow.state, state, why)
    stopped_at = at if state in ENDED else None
    return Step(replace(step.workflow, state=state, stopped_at=stopped_at), (*step.changes, change))


def _change(
    turn: Turn, before: ActionState, after: ActionState, *, at: float, why: str, agent: str | None
) -> Change:
    return Change(at, before, after, why, turn.task.name, turn.action.name, turn.action.id, agent)


def _put(workflow: Workflow, action: Action) -> Workflow:
    tasks = tuple(
        replace(task, actions=tuple(action if a.id == action.id else a for a in task.actions))
        for task in workflow.tasks
    )
    return replace(workflow, tasks=tasks)
