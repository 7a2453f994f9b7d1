"""What operators do to a workflow: end it, go on with it after a failure, begin it again."""

from dataclasses import replace

from osie.tink.domain.errors import ConflictError
from osie.tink.domain.steps import Step, abort, move, put, renewed, tell
from osie.tink.domain.workflow import ACTION_DONE, Cause, State, Turn, Workflow


def operator(name: str) -> str:
    """Who acts, in an event's words."""
    name = name.strip()
    return name if name == "operator" or name.startswith("operator ") else f"operator {name}".strip()


def cancel(workflow: Workflow, at: float, *, who: str, why: str = "") -> Step:
    """End it now, as FAILED; what runs is to be stopped, and no hook runs. Raises ConflictError."""
    _enabled(workflow)
    if workflow.ended:
        raise ConflictError(f"workflow {workflow.name} is {workflow.state} already")
    told = f"cancelled by {who}" + (f": {why}" if why else "")
    return abort(Step(workflow), at, told, who=who, cause=Cause.CANCELLED)


def retry(workflow: Workflow, at: float, *, who: str, action: str = "") -> Step:
    """Go on from the action that did not succeed, or from an earlier one. Raises ConflictError.

    `action` is a name, TASK/NAME where several tasks have it, or an id.
    """
    _enabled(workflow)
    if workflow.state not in {State.FAILED, State.TIMEOUT}:
        raise ConflictError(
            f"workflow {workflow.name} is {workflow.state}: only one that failed or timed out is retried",
            hint="run-again begins one that succeeded from its first action" if workflow.ended else "",
        )
    turns = [Turn(task, each) for task in workflow.tasks for each in task.actions]
    reached = next(n for n, turn in enumerate(turns) if turn.action.state not in ACTION_DONE)
    chosen = _chosen(workflow, turns[: reached + 1], action) if action else reached
    why = f"retried from action {turns[chosen].action.name}"
    return _anew(workflow, turns[chosen:], at, who=who, why=why)


def run_again(workflow: Workflow, at: float, *, who: str) -> Step:
    """Begin an ended workflow from its first action. Raises ConflictError."""
    _enabled(workflow)
    if not workflow.ended:
        raise ConflictError(
            f"workflow {workflow.name} is {workflow.state}: it has not ended", hint="cancel it"
        )
    turns = [Turn(task, each) for task in workflow.tasks for each in task.actions]
    counted = replace(workflow, run=workflow.run + 1)
    return _anew(counted, turns, at, who=who, why=f"run {counted.run} from the first action")


def _enabled(workflow: Workflow) -> None:
    if workflow.disabled:
        raise ConflictError(
            f"workflow {workflow.name} is disabled: nothing of it is done",
            hint="apply it without `disabled: true`, or delete it",
        )


def _chosen(workflow: Workflow, reached: list[Turn], wanted: str) -> int:
    """The index of the action that is meant."""
    named = [
        n
        for n, turn in enumerate(reached)
        if wanted in {turn.action.id, turn.action.name, f"{turn.task.name}/{turn.action.name}"}
    ]
    if len(named) == 1:
        return named[0]
    places = [f"{turn.task.name}/{turn.action.name}" for turn in reached]
    what = "several tasks have" if named else "it did not get to, or does not have,"
    raise ConflictError(
        f"workflow {workflow.name}: {what} action {wanted!r}", hint=f"one of {', '.join(places)}"
    )


def _anew(workflow: Workflow, turns: list[Turn], at: float, *, who: str, why: str) -> Step:
    step = Step(replace(workflow, started_at=None, message="", cause=Cause.NONE, boots=0, silent_since=None))
    step = move(step, State.PENDING, at, why, who=who)
    for turn in turns:
        again = renewed(turn.action)
        step = replace(step, workflow=put(step.workflow, again, instead_of=turn.action.id))
        if turn.action.state is not again.state:
            step = tell(
                step, replace(turn, action=again), turn.action.state, again.state, at=at, who=who, why=why
            )
    return step
