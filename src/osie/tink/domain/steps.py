"""One step of a workflow and what is told of it: the moves that every event is made of."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from osie.core.errors import OsieError
from osie.tink.domain.workflow import (
    ACTION_DONE,
    ENDED,
    Action,
    ActionState,
    Cause,
    State,
    Turn,
    Workflow,
    current,
    find,
    hook_id,
    hook_name,
    next_id,
)

HOOK_TIMEOUT_S = 300  # of a hook whose action has none
_LONGEST_BACKOFF_S = 300.0
SERVER = "server"


class UnknownActionError(OsieError):
    """The workflow has no such action."""


class NotYoursError(OsieError):
    """The action is another agent's."""


class OutOfTurnError(OsieError):
    """It is not this action's, or this agent's, turn."""


class TooEarlyError(OutOfTurnError):
    """It is, but the next attempt begins later."""


@dataclass(frozen=True)
class Change:
    """One change of state, for the record. `task` and `action` are names; None: it is the workflow's own.

    `before` and `after` are the same where something was noticed and nothing moved.
    """

    at: float
    before: str | None
    after: str
    why: str
    task: str | None = None
    action: str | None = None
    action_id: str | None = None
    who: str = SERVER  # or "agent ID", "operator", "operator NAME"


@dataclass(frozen=True)
class Step:
    """The outcome of an event. No changes: nothing happened that isn't known already."""

    workflow: Workflow
    changes: tuple[Change, ...] = ()


def agent_named(turn: Turn, agents: Collection[str]) -> str:
    """Who acts, where one of these ids is the turn's agent."""
    return f"agent {sorted(set(agents) & set(turn.task.agents))[0]}"


def backoff_s(action: Action, attempt: int) -> float:
    """How long after the failure before it this attempt (from 2) may begin."""
    doubled = action.retry_backoff_s * 2.0 ** min(attempt - 2, 30)
    return min(_LONGEST_BACKOFF_S, doubled)


def begin(step: Step, turn: Turn, at: float, who: str) -> Step:
    """The action runs, and with the first one the workflow."""
    action = replace(turn.action, state=ActionState.RUNNING, started_at=at)
    action = replace(action, handed_out_at=action.handed_out_at or at)
    step = Step(put(step.workflow, action), step.changes)
    if step.workflow.state is State.PENDING:
        started = replace(step.workflow, started_at=at)
        step = move(replace(step, workflow=started), State.RUNNING, at, "first action", who=who)
    return tell(step, turn, ActionState.PENDING, ActionState.RUNNING, at=at, who=who)


def end(
    step: Step,
    turn: Turn,
    state: ActionState,
    at: float,
    why: str,
    *,
    who: str,
    duration: str = "",
    final: bool = False,
) -> Step:
    """The action ended, and what follows from that: the next one, another attempt, a hook, or the end.

    `final`: neither another attempt nor a hook, since no container of it could be run.
    """
    found = find(step.workflow, turn.action.id)
    before = found.action if found else turn.action
    owner = _owner(step.workflow, turn.action.id)
    ended = replace(before, state=state, stopped_at=at, message=why, duration=duration)
    step = Step(put(step.workflow, ended), step.changes)
    step = tell(step, turn, before.state, state, at=at, who=who, why=why)
    if owner is not None:
        return _after_hook(step, turn, owner, at)
    if state in ACTION_DONE:
        step = replace(step, workflow=replace(step.workflow, boots=0))
        return step if current(step.workflow) else _succeed(step, at)
    if ended.attempt <= ended.retries and not final:
        return _try_again(step, turn, ended, at)
    command = ended.on_failure if state is ActionState.FAILED else ended.on_timeout
    if command and not final:
        hooked = replace(ended, hook=_hook(ended, command))
        return replace(step, workflow=put(step.workflow, hooked))
    return _fail(step, turn, ended, at)


def abort(step: Step, at: float, why: str, *, who: str, cause: Cause, state: State = State.FAILED) -> Step:
    """The workflow ends here, and what runs with it: no further attempt, no hook."""
    turn = current(step.workflow)
    owner = None if turn is None else _owner(step.workflow, turn.action.id)
    if turn is not None and owner is not None and turn.action.state is ActionState.PENDING:
        # The hook never begins: what the workflow stands at is the action that failed.
        step = replace(step, workflow=put(step.workflow, replace(owner, hook=None)))
    elif turn is not None and turn.action.state is ActionState.RUNNING:
        ended = ActionState(state.value)
        action = replace(turn.action, state=ended, stopped_at=at, message=why)
        step = Step(put(step.workflow, action), step.changes)
        step = tell(step, turn, ActionState.RUNNING, ended, at=at, who=who, why=why)
    workflow = replace(step.workflow, message=why, cause=cause)
    return move(replace(step, workflow=workflow), state, at, why, who=who)


def move(step: Step, state: State, at: float, why: str, *, who: str = SERVER) -> Step:
    """The workflow's own state."""
    change = Change(at, step.workflow.state, state, why, who=who)
    workflow = replace(step.workflow, state=state, stopped_at=at if state in ENDED else None)
    if state in ENDED:
        workflow = replace(workflow, silent_since=None)
    return Step(workflow, (*step.changes, change))


def notice(workflow: Workflow, why: str, at: float, who: str) -> Step:
    """Put on record what moves nothing."""
    return Step(workflow, (Change(at, workflow.state, workflow.state, why, who=who),))


def tell(
    step: Step, turn: Turn, before: ActionState, after: ActionState, *, at: float, who: str, why: str = ""
) -> Step:
    """Put an action's change on record."""
    change = Change(at, before, after, why, turn.task.name, turn.action.name, turn.action.id, who)
    return replace(step, changes=(*step.changes, change))


def put(workflow: Workflow, action: Action, instead_of: str = "") -> Workflow:
    """The workflow with this action, or hook, in place of the one with its id, or with that other one."""
    replaced = instead_of or action.id

    def placed(each: Action) -> Action:
        if each.id == replaced:
            return action
        return replace(each, hook=action) if each.hook and each.hook.id == replaced else each

    tasks = tuple(replace(task, actions=tuple(map(placed, task.actions))) for task in workflow.tasks)
    return replace(workflow, tasks=tasks)


def renewed(action: Action) -> Action:
    """The action as if it had never run, under the id of its next run."""
    return replace(
        action,
        id=next_id(action.id),
        past_ids=(*action.past_ids, action.id),
        state=ActionState.PENDING,
        attempt=1,
        not_before=None,
        decided=False,
        hook=None,
        handed_out_at=None,
        boot_id="",
        started_at=None,
        stopped_at=None,
        duration="",
        message="",
    )


def _try_again(step: Step, turn: Turn, ended: Action, at: float) -> Step:
    attempt, wait_s = ended.attempt + 1, backoff_s(ended, ended.attempt + 1)
    again = replace(
        renewed(ended), attempt=attempt, not_before=at + wait_s, decided=True, message=ended.message
    )
    step = replace(step, workflow=put(step.workflow, again, instead_of=ended.id))
    why = f"attempt {attempt} of {ended.retries + 1} may begin in {wait_s:g} s"
    return tell(
        step, replace(turn, action=again), ended.state, ActionState.PENDING, at=at, who=SERVER, why=why
    )


def _hook(ended: Action, command: tuple[str, ...]) -> Action:
    return Action(
        id=hook_id(ended.id, ended.state),
        name=hook_name(ended.name, ended.state),
        image=ended.image,
        timeout_s=ended.timeout_s or HOOK_TIMEOUT_S,
        command=command,
        volumes=ended.volumes,
        environment=ended.environment,
        pid=ended.pid,
        network_namespace=ended.network_namespace,
        pid_namespace=ended.pid_namespace,
    )


def _owner(workflow: Workflow, hook: str) -> Action | None:
    actions = (action for task in workflow.tasks for action in task.actions)
    return next((action for action in actions if action.hook and action.hook.id == hook), None)


def _after_hook(step: Step, turn: Turn, owner: Action, at: float) -> Step:
    found = find(step.workflow, owner.id)
    ended = found.action if found else owner
    return _fail(step, replace(turn, action=ended), ended, at)


def _fail(step: Step, turn: Turn, ended: Action, at: float) -> Step:
    timed_out = ended.state is ActionState.TIMEOUT
    told = f"action {ended.name} of task {turn.task.name} {'timed out' if timed_out else 'failed'}"
    if ended.attempt > 1:
        told += f" in the last of {ended.attempt} attempts"
    told += f": {ended.message}" if ended.message else ""
    if ended.hook is not None:
        told += f"\n{ended.hook.name} ended with {ended.hook.state}"
        told += f": {ended.hook.message}" if ended.hook.message else ""
    cause = Cause.ACTION_TIMEOUT if timed_out else Cause.ACTION
    workflow = replace(step.workflow, message=told, cause=cause)
    return move(replace(step, workflow=workflow), State(ended.state.value), at, told)


def _succeed(step: Step, at: float) -> Step:
    step = move(step, State.POST, at, "every action succeeded")
    return move(step, State.SUCCESS, at, "netboot turned off" if step.workflow.toggle_netboot else "done")
