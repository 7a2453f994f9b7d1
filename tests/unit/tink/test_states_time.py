"""What time does, and what it does not when the clock was set or the server was away."""

from dataclasses import replace

import pytest

from osie.tink.domain.states import accept, booted, hand_out, report
from osie.tink.domain.states_time import GRACE_S, Clock, Heard, Patience, expire, heard_again, listen
from osie.tink.domain.steps import OutOfTurnError
from osie.tink.domain.workflow import Action, ActionState, Cause, State, Task, Workflow, current
from osie.tink.service.clock_jumps import ClockJumps

ME = {"me"}


def running(*, reboot: bool = False, timeout_s: int = 100, retries: int = 0) -> Workflow:
    """A workflow whose action began at 1000."""
    action = Action("a", "write", "i", timeout_s, reboot=reboot, retries=retries)
    made = Workflow("w", "default", "wf", "hw", "tpl", (Task("t", "install", "me", ("me",), (action,)),))
    return report(accept(made, 1.0).workflow, ME, "a", ActionState.RUNNING, 1000.0).workflow


@pytest.mark.parametrize(
    ("clock", "over"),
    [
        (Clock(1000 + 100 + GRACE_S), False),
        (Clock(1001 + 100 + GRACE_S), True),
        (Clock(90_000, skipped=((1050.0, 88_900.0),)), False),  # set forward by a day after 50 s
        (Clock(90_100, skipped=((1050.0, 88_900.0),)), True),
        (Clock(90_000, skipped=((900.0, 88_900.0),)), True),  # set forward before it began
        (Clock(700, serving_since=600), False),  # set back: it began in what is the future now
        (Clock(761, serving_since=600), True),
        (Clock(90_000, serving_since=89_950), False),  # we were away
        (Clock(2100, serving_since=500, skipped=((520.0, 1560.0),)), False),  # set back, then further forward
        (Clock(2300, serving_since=500, skipped=((520.0, 1560.0),)), True),
    ],
)
def test_only_time_that_passed_counts(clock: Clock, over: bool) -> None:
    """An action's timeout is of time that passed, while we could hear of it."""
    assert bool(expire(running(), clock).changes) == over


def failed_with_hook() -> Workflow:
    """A workflow of at most 500 s that began at 1000; its action failed at 1400, and its hook is next."""
    base = running()
    (task,) = base.tasks
    actions = (replace(task.actions[0], on_failure=("clean",)),)
    hooked = replace(base, global_timeout_s=500, tasks=(replace(task, actions=actions),))
    return report(hooked, ME, "a", ActionState.FAILED, 1400.0).workflow


def test_no_hook_follows_the_global_timeout() -> None:
    """One that nobody fetched, or that was handed out and not begun, is never begun: the workflow is TIMEOUT,
    and a worker that comes for it late is told so."""
    over = Clock(1501 + GRACE_S)
    assert expire(failed_with_hook(), Clock(1499 + GRACE_S)).changes == ()
    step = expire(failed_with_hook(), over)
    assert (step.workflow.state, step.workflow.cause) == (State.TIMEOUT, Cause.GLOBAL_TIMEOUT)
    at = current(step.workflow)
    assert at is not None
    assert (at.action.name, at.action.state) == ("write", ActionState.FAILED)  # what it stands at
    handed, turn = hand_out(failed_with_hook(), ME, 1480.0)
    assert turn is not None
    assert turn.action.name == "write.on-failure"
    ended = expire(handed.workflow, over).workflow
    assert ended.cause is Cause.GLOBAL_TIMEOUT
    assert hand_out(ended, ME, 1570.0)[1] is None
    with pytest.raises(OutOfTurnError):
        report(ended, ME, turn.action.id, ActionState.RUNNING, 1570.0)


def test_a_hook_that_runs_outlives_the_global_timeout() -> None:
    """It may clean up to its end, or its own timeout; the workflow then ends as its action did."""
    hooked = failed_with_hook()
    turn = current(hooked)
    assert turn is not None
    begun = report(hooked, ME, turn.action.id, ActionState.RUNNING, 1499.0).workflow
    assert expire(begun, Clock(1501 + GRACE_S)).changes == ()
    ended = expire(begun, Clock(1600 + GRACE_S)).workflow
    assert (ended.state, ended.cause) == (State.FAILED, Cause.ACTION)
    told = report(begun, ME, turn.action.id, ActionState.SUCCESS, 1590.0).workflow
    assert (told.state, told.cause) == (State.FAILED, Cause.ACTION)


def test_an_attempt_does_not_wait_for_a_clock_that_was_set_back() -> None:
    """The backoff is at most itself."""
    failed = report(running(retries=1), ME, "a", ActionState.FAILED, 1010.0).workflow
    _, turn = hand_out(failed, ME, 500.0)
    assert turn is not None
    assert turn.action.attempt == 2


@pytest.mark.parametrize(
    ("workflow", "heard", "silent"),
    [
        (running(), Heard(1000.0, "a"), True),
        (running(), Heard(1000.0, "another"), False),  # no heartbeat for this run
        (running(), None, False),
        (running(), Heard(1050.0, "a"), False),
        (running(reboot=True), Heard(1000.0, "a"), False),  # it is on its way
        (running(reboot=True), None, False),
    ],
)
def test_who_is_silent(workflow: Workflow, heard: Heard | None, silent: bool) -> None:
    """Only an agent that would speak if it could is silent."""
    step = listen(workflow, heard, Clock(1100.0), Patience())
    assert (step.workflow.silent_since is not None, len(step.changes)) == (silent, int(silent))
    assert listen(step.workflow, heard, Clock(1200.0), Patience()).changes == () or not silent


def test_an_agent_that_never_came_for_its_action_is_silent() -> None:
    """Nothing was heard since its turn came; its first word ends that."""
    tried = report(running(retries=1), ME, "a", ActionState.FAILED, 1010.0).workflow
    assert listen(tried, Heard(1010.0), Clock(1075.0), Patience()).changes == ()  # it was to wait for 5 s
    step = listen(tried, Heard(1010.0), Clock(1076.0), Patience())
    assert step.workflow.silent_since == 1015.0
    assert heard_again(step.workflow, {"other"}, 1100.0).changes == ()
    assert heard_again(step.workflow, ME, 1100.0).changes[0].why == "heard again after 85 s"


@pytest.mark.parametrize("heard", [None, Heard(1000.0, "a"), Heard(1000.0, "another")])
def test_a_machine_that_never_comes_back_is_silent(heard: Heard | None) -> None:
    """A reboot takes minutes, and not for ever: then it is told, whether its agent sends heartbeats or not,
    and by policy the workflow fails."""
    workflow, patience = running(reboot=True, timeout_s=0), Patience(reboot_s=500)
    assert listen(workflow, heard, Clock(1560.0), patience).changes == ()
    step = listen(workflow, heard, Clock(1561.0), patience)
    assert step.workflow.silent_since == 1000.0
    assert step.changes[0].why.endswith(
        "nothing was heard from it for 561 s, since write reboots its machine"
    )
    strict = replace(patience, on_silence="fail")
    assert listen(step.workflow, heard, Clock(2100.0), strict).changes == ()
    assert listen(step.workflow, heard, Clock(2101.0), strict).workflow.cause is Cause.SILENT
    back = booted(step.workflow, ME, 1600.0)
    assert (back.workflow.state, back.workflow.silent_since) == (State.SUCCESS, None)
    assert [change.why for change in back.changes[:2]] == ["back after 600 s", "the machine booted"]


def test_silence_ends_a_workflow_only_by_policy() -> None:
    """By default one waits for ever."""
    heard, clock = Heard(1000.0, "a"), Clock(1000.0 + 601)
    assert listen(running(), heard, clock, Patience()).workflow.state is State.RUNNING
    step = listen(running(), heard, clock, Patience(on_silence="fail"))
    assert (step.workflow.state, step.workflow.cause) == (State.FAILED, Cause.SILENT)
    turn = current(step.workflow)
    assert turn is not None
    assert turn.action.state is ActionState.FAILED
    assert listen(replace(step.workflow), heard, clock, Patience(on_silence="fail")).changes == ()


def test_a_clock_that_is_set_is_noticed() -> None:
    """Forward it is time skipped, backward a new beginning that takes skips back; a second is neither."""
    wall, steady = [1000.0], [5.0]
    keeper = ClockJumps(lambda: wall[0], lambda: steady[0])

    def passes(wall_s: float, steady_s: float) -> tuple[float, tuple[tuple[float, float], ...]]:
        wall[0] += wall_s
        steady[0] += steady_s
        keeper.look()
        return keeper.since, keeper.skipped

    assert passes(6, 5) == (1000.0, ())
    assert passes(3605, 5) == (1000.0, ((1011.0, 3600.0),))
    assert passes(-95, 5) == (4516.0, ((1011.0, 3500.0),))
    assert passes(105, 5)[1] == ((1011.0, 3500.0), (4521.0, 100.0))
    assert passes(-1995, 5) == (2626.0, ((1011.0, 1600.0),))
    assert passes(-9995, 5)[1] == ()
