"""The workflow's state machine: pure functions from a workflow and what happened to the next workflow.

Here is what agents and machines do. states_time.py has what time does, states_operator.py what operators do.
docs/explanation/workflow-states.md draws it and explains each edge.
"""

import math
from collections.abc import Collection
from dataclasses import replace

from osie.tink.domain.steps import (
    SERVER,
    Change,
    NotYoursError,
    OutOfTurnError,
    Step,
    TooEarlyError,
    UnknownActionError,
    abort,
    agent_named,
    backoff_s,
    begin,
    end,
    move,
    notice,
    put,
)
from osie.tink.domain.workflow import (
    ACTION_ENDED,
    Action,
    ActionState,
    Cause,
    State,
    Turn,
    Workflow,
    find,
    find_past,
    turn_of,
)


def accept(workflow: Workflow, at: float, who: str = SERVER) -> Step:
    """The workflow is stored and its machine made ready: agents may ask for it, unless it is disabled."""
    workflow = replace(workflow, created_at=at, state=State.PREPARING)
    if workflow.disabled:
        return Step(workflow, (Change(at, None, State.PREPARING, "applied, and disabled", who=who),))
    why = "netboot turned on" if workflow.toggle_netboot else "accepted"
    created = Change(at, None, State.PREPARING, "applied", who=who)
    step = move(Step(workflow), State.PENDING, at, why)
    return replace(step, changes=(created, *step.changes))


def hand_out(
    workflow: Workflow, agents: Collection[str], at: float, boot_id: str = ""
) -> tuple[Step, Turn | None]:
    """What the agent shall run; None where that was the workflow's end. Raises OutOfTurnError.

    `boot_id` names the start of the machine that the agent is of; "": it does not tell. A running action is
    handed out again under the same id: the worker that asks lost track of it. A running reboot only within
    the boot that it was handed out to: else that its worker asks is the reboot's success, and serving it
    again would loop for ever.
    """
    step = Step(workflow)
    while True:
        turn = turn_of(step.workflow)
        if turn is None:
            return step, None
        refusal = _refusal(workflow.name, turn, agents, at)
        if refusal is not None:
            if step.changes:
                return step, None
            raise refusal
        if not turn.action.reboot or turn.action.state is not ActionState.RUNNING:
            break
        if boot_id and boot_id == turn.action.boot_id:
            break
        why = "the agent asked for work again after the reboot"
        step = end(step, turn, ActionState.SUCCESS, at, why, who=agent_named(turn, agents))
    first_at = at if turn.action.handed_out_at is None else turn.action.handed_out_at
    handed = replace(turn.action, handed_out_at=first_at, boot_id=boot_id)
    if handed != turn.action:
        step = Step(put(step.workflow, handed), step.changes)
        turn = replace(turn, action=handed)
    return step, turn


def _refusal(name: str, turn: Turn, agents: Collection[str], at: float) -> OutOfTurnError | None:
    """Why the agent may not have this action of the named workflow now; None: it may."""
    action = turn.action
    if not set(agents) & set(turn.task.agents):
        return OutOfTurnError(f"workflow {name}: it is the turn of {turn.task.worker or 'another'}")
    if undecided(turn):
        return OutOfTurnError(f"workflow {name}: the condition of action {action.name} is not decided yet")
    wait_s = waiting_s(action, at)
    if wait_s > 0:
        attempt = f"attempt {action.attempt} of {action.name} begins in {math.ceil(wait_s)} s"
        return TooEarlyError(f"workflow {name}: {attempt}")
    return None


def undecided(turn: Turn) -> bool:
    """The action has a condition, and nobody has looked yet whether it holds."""
    action = turn.action
    return bool(action.condition) and not action.decided and action.state is ActionState.PENDING


def waiting_s(action: Action, at: float) -> float:
    """How long the action's next attempt waits yet. A clock that was set back doesn't make it longer."""
    if action.not_before is None or action.state is not ActionState.PENDING:
        return 0.0
    left_s = action.not_before - at
    return left_s if 0 < left_s <= backoff_s(action, action.attempt) else 0.0


def decide(workflow: Workflow, action_id: str, *, holds: bool, fault: str, at: float) -> Step:
    """The action's condition was evaluated: it holds, or it doesn't, or it can't be told (`fault`)."""
    turn = turn_of(workflow)
    if turn is None or turn.action.id != action_id or not undecided(turn):
        return Step(workflow)
    if holds and not fault:
        return Step(put(workflow, replace(turn.action, decided=True)))
    if not fault:
        why = f"its condition does not hold: {turn.action.condition}"
        return end(_running(workflow, at), turn, ActionState.SKIPPED, at, why, who=SERVER)
    why = f"its condition can't be evaluated: {fault}"
    return end(_running(workflow, at), turn, ActionState.FAILED, at, why, who=SERVER, final=True)


def _running(workflow: Workflow, at: float) -> Step:
    if workflow.state is not State.PENDING:
        return Step(workflow)
    return move(Step(replace(workflow, started_at=at)), State.RUNNING, at, "first action")


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
    """An agent says what became of an action. That it ended, told late or again, changes nothing.

    That a run begins which is over is refused: the agent has not begun it yet, and is not to.
    Raises UnknownActionError, NotYoursError, OutOfTurnError.
    """
    told = own(workflow, agents, action_id)
    over = workflow.ended or told.action.state in ACTION_ENDED or find(workflow, action_id) is None
    if over and state is ActionState.RUNNING:
        raise OutOfTurnError(f"workflow {workflow.name}: this run of {told.action.name} is over")
    if over or state is ActionState.PENDING:
        return Step(workflow)
    turn = turn_of(workflow)
    if turn is None or turn.action.id != action_id or undecided(turn):
        raise OutOfTurnError(f"workflow {workflow.name}: it is not the turn of action {told.action.name}")
    step, who = Step(workflow), agent_named(told, agents)
    if told.action.state is ActionState.PENDING:
        step = begin(step, told, at, who)
    if state is ActionState.RUNNING:
        return step
    return end(step, told, state, at, message, who=who, duration=duration)


def own(workflow: Workflow, agents: Collection[str], action_id: str) -> Turn:
    """The agent's action of which this run is one. Raises UnknownActionError, NotYoursError."""
    told = find(workflow, action_id) or find_past(workflow, action_id)
    if told is None:
        raise UnknownActionError(f"workflow {workflow.name}: no action {action_id}")
    if not set(agents) & set(told.task.agents):
        raise NotYoursError(f"workflow {workflow.name}: action {told.action.name} is another agent's")
    return told


def to_be_stopped(workflow: Workflow, action_id: str) -> str:
    """Why an agent shall give up the run that it says it is at; "": it shall go on."""
    told = find(workflow, action_id)
    if workflow.ended:
        return f"the workflow is {workflow.state}" + (f" ({workflow.cause})" if workflow.cause else "")
    if told is None:
        return "another attempt has taken its place"
    return f"the action is {told.action.state}" if told.action.state in ACTION_ENDED else ""


def booted(workflow: Workflow, agents: Collection[str], at: float, limit: int = 0) -> Step:
    """The machine started anew: a reboot that was handed out to it has succeeded.

    With `limit`: a machine that netbooted so often since its last success is stopped, rather than again.
    """
    turn = turn_of(workflow)
    if turn is None or not set(agents) & set(turn.task.agents):
        return Step(workflow)
    action, step = turn.action, Step(workflow)
    if action.reboot and (action.handed_out_at is not None or action.state is ActionState.RUNNING):
        if workflow.silent_since is not None:
            away_s = max(0.0, at - workflow.silent_since)
            step = notice(replace(workflow, silent_since=None), f"back after {away_s:.0f} s", at, SERVER)
        if action.state is ActionState.PENDING:
            step = begin(step, turn, at, SERVER)
        return end(step, turn, ActionState.SUCCESS, at, "the machine booted", who=SERVER)
    if limit and workflow.boots >= limit:
        why = (
            f"the machine netbooted {workflow.boots} times and no action of the workflow succeeded meanwhile"
        )
        return abort(step, at, f"{why}; it is at {action.name}", who=SERVER, cause=Cause.LOOP)
    return step


def netbooted(workflow: Workflow, agents: Collection[str]) -> Step:
    """The machine was given Osie to boot: counted until an action succeeds."""
    turn = turn_of(workflow)
    if turn is None or not set(agents) & set(turn.task.agents):
        return Step(workflow)
    return Step(replace(workflow, boots=workflow.boots + 1))
