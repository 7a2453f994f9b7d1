"""What time does to a workflow: what is overdue ends, and an agent that isn't heard is told to be silent."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from osie.tink.domain.steps import SERVER, Step, abort, agent_named, end, notice
from osie.tink.domain.workflow import ActionState, Cause, State, Turn, Workflow, current, turn_of

GRACE_S = 60.0  # the worker enforces an action's timeout itself; we step in where it is gone


@dataclass(frozen=True)
class Patience:
    """How long to wait for whom."""

    silent_after_s: float = 60.0
    on_silence: Literal["wait", "fail"] = "wait"
    silent_fail_after_s: float = 600.0
    reboot_s: float = 600.0  # how long a machine may take to come back: a server's self-test is slow
    netboot_limit: int = 5  # 0: none


@dataclass(frozen=True)
class Heard:
    """When an agent last spoke, and of which action it last said that it is at it (by a heartbeat)."""

    at: float
    beating: str = ""


@dataclass(frozen=True)
class Clock:
    """What the time is, and what of it did not pass: while we were down, nobody could be heard."""

    now: float
    serving_since: float = 0.0  # since our start, or since the clock was set back
    skipped: Sequence[tuple[float, float]] = ()  # (when, by how many seconds the clock was set forward)

    def since(self, then: float) -> float:
        """Count the seconds that passed since `then`, in unix seconds.

        What is still to come, or lies in a time that was skipped, was written before the clock was set back.
        """
        if then > self.now or any(when < then < when + by for when, by in self.skipped):
            then = min(self.serving_since, self.now)
        return self.now - then - sum(by for when, by in self.skipped if when >= then)

    def served(self, then: float) -> float:
        """The seconds of them in which we served."""
        return self.since(max(then, self.serving_since) if then <= self.now else then)


def expire(workflow: Workflow, clock: Clock) -> Step:
    """End what is overdue. While we were down no report could arrive: grace begins no earlier than we did."""
    turn = turn_of(workflow)
    if turn is None:
        return Step(workflow)
    limit_s, action = turn.action.timeout_s, turn.action
    hooked = _owner_stopped_at(turn)
    if hooked is not None and action.state is ActionState.RUNNING:  # it may end, whatever the time is
        return _expire_hook(workflow, turn, hooked, clock)
    if action.state is ActionState.RUNNING and limit_s and _over(action.started_at, limit_s, clock):
        why = f"no report within its timeout of {limit_s} s and {GRACE_S:g} s more"
        return end(Step(workflow), turn, ActionState.TIMEOUT, clock.now, why, who=SERVER)
    if workflow.global_timeout_s and _over(workflow.started_at, workflow.global_timeout_s, clock):
        why = f"not done within the global timeout of {workflow.global_timeout_s} s; it was at {action.name}"
        return abort(
            Step(workflow), clock.now, why, who=SERVER, cause=Cause.GLOBAL_TIMEOUT, state=State.TIMEOUT
        )
    return Step(workflow) if hooked is None else _expire_hook(workflow, turn, hooked, clock)


def _over(since: float | None, limit_s: float, clock: Clock) -> bool:
    if since is None:
        return False
    return clock.since(since) > limit_s + GRACE_S and clock.served(since) > GRACE_S


def _owner_stopped_at(turn: Turn) -> float | None:
    """When the action ended whose hook the turn is; None: it is no hook."""
    for action in turn.task.actions:
        if action.hook is not None and action.hook.id == turn.action.id:
            return action.stopped_at or 0.0
    return None


def _expire_hook(workflow: Workflow, turn: Turn, ended_at: float, clock: Clock) -> Step:
    hook = turn.action
    since = ended_at if hook.started_at is None else hook.started_at
    if not _over(since, hook.timeout_s, clock):
        return Step(workflow)
    what = "nobody fetched it" if hook.started_at is None else "no report"
    why = f"{what} within {hook.timeout_s} s and {GRACE_S:g} s more"
    return end(Step(workflow), turn, ActionState.TIMEOUT, clock.now, why, who=SERVER)


def listen(workflow: Workflow, heard: Heard | None, clock: Clock, patience: Patience) -> Step:
    """Notice that the agent whose turn it is does not speak, and do what the policy says.

    An agent that sends no heartbeats is believed to be at its action: what bounds that is the action's
    timeout. One whose machine reboots has as long for it as machines may take.
    """
    turn = current(workflow)
    if workflow.state is not State.RUNNING or turn is None:
        return Step(workflow)
    action = turn.action
    reboots = action.reboot and action.state is ActionState.RUNNING
    if action.state is ActionState.RUNNING and not reboots and (heard is None or heard.beating != action.id):
        return Step(workflow)
    extra_s = patience.reboot_s if reboots else 0.0
    # The latest of them, not the largest figure: the clock may have been set in between.
    last = min((heard.at if heard else 0.0, *_before(workflow, turn)), key=clock.served)
    quiet_s = clock.served(last)
    who = turn.task.worker or turn.task.agents[0]
    if patience.on_silence == "fail" and quiet_s > patience.silent_fail_after_s + extra_s:
        why = f"agent {who} is silent for {quiet_s:.0f} s; action {action.name} is {action.state}"
        return abort(Step(workflow), clock.now, why, who=SERVER, cause=Cause.SILENT)
    if workflow.silent_since is not None or quiet_s <= patience.silent_after_s + extra_s:
        return Step(workflow)
    why = f"agent {who} is silent: nothing was heard from it for {quiet_s:.0f} s"
    why += f", since {action.name} reboots its machine" if reboots else ""
    return notice(replace(workflow, silent_since=last), why, clock.now, SERVER)


def heard_again(workflow: Workflow, agents: Collection[str], at: float) -> Step:
    """The agent speaks."""
    turn = current(workflow)
    since = workflow.silent_since
    if since is None or workflow.ended or turn is None or not set(agents) & set(turn.task.agents):
        return Step(workflow)
    why = f"heard again after {max(0.0, at - since):.0f} s"
    return notice(replace(workflow, silent_since=None), why, at, agent_named(turn, agents))


def _before(workflow: Workflow, turn: Turn) -> Iterator[float]:
    """When things ended or began before which the turn's agent had nothing to say."""
    yield from (workflow.started_at or 0.0, turn.action.not_before or 0.0, turn.action.started_at or 0.0)
    yield from (action.stopped_at or 0.0 for task in workflow.tasks for action in task.actions)
