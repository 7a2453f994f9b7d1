"""The state machine's edges, one by one."""

from dataclasses import replace

import pytest

from osie.tink.domain.states import accept, booted, hand_out, report
from osie.tink.domain.states_operator import cancel, retry
from osie.tink.domain.states_time import GRACE_S, Clock, expire
from osie.tink.domain.steps import NotYoursError, OutOfTurnError, Step, UnknownActionError
from osie.tink.domain.workflow import Action, ActionState, State, Task, Workflow, current

ONE, TWO = {"one"}, {"two"}


def workflow(*, reboot: bool = False, timeout_s: int = 0, global_timeout_s: int = 0) -> Workflow:
    """Two tasks: `one` runs a and b (perhaps a reboot), then `two` runs c."""
    first = (Action("a", "write", "i", timeout_s), Action("b", "restart", "i", timeout_s, reboot=reboot))
    tasks = (
        Task("t1", "install", "one", ("one",), first),
        Task("t2", "after", "two", ("two",), (Action("c", "check", "i", timeout_s),)),
    )
    made = Workflow("w", "default", "wf", "hw", "tpl", tasks, global_timeout_s=global_timeout_s)
    return accept(made, 1.0).workflow


def told(step: Step) -> list[tuple[str | None, str | None, str]]:
    """The changes as (action, before, after)."""
    return [(change.action, change.before, change.after) for change in step.changes]


def done(state: Workflow, *ids: str) -> Workflow:
    """The workflow after these actions succeeded."""
    for action_id in ids:
        agents = TWO if action_id == "c" else ONE
        state = report(state, agents, action_id, ActionState.SUCCESS, 2.0).workflow
    return state


def test_accepting_prepares_and_waits() -> None:
    """An accepted workflow went through PREPARING to PENDING, and both are told."""
    made = replace(workflow(), state=State.PREPARING)
    assert told(accept(made, 1.0)) == [(None, None, "PREPARING"), (None, "PREPARING", "PENDING")]


def test_first_running_report_starts_the_workflow() -> None:
    """RUNNING on the first action starts the workflow, and the clock of both."""
    step = report(workflow(), ONE, "a", ActionState.RUNNING, 5.0)
    assert told(step) == [(None, "PENDING", "RUNNING"), ("write", "PENDING", "RUNNING")]
    turn = current(step.workflow)
    assert (step.workflow.started_at, turn and turn.action.started_at) == (5.0, 5.0)


def test_last_success_ends_the_workflow() -> None:
    """The last action's success takes the workflow through POST to SUCCESS."""
    step = report(done(workflow(), "a", "b"), TWO, "c", ActionState.SUCCESS, 9.0)
    assert told(step)[-2:] == [(None, "RUNNING", "POST"), (None, "POST", "SUCCESS")]
    assert step.workflow.stopped_at == 9.0


@pytest.mark.parametrize("state", [ActionState.FAILED, ActionState.TIMEOUT])
def test_failure_ends_the_workflow_with_evidence(state: ActionState) -> None:
    """A failed or timed-out action ends the workflow likewise, with its name and what it said last."""
    step = report(workflow(), ONE, "a", state, 9.0, message="exit code 3; last lines:\nno such disk")
    assert step.workflow.state == state.value
    assert "write" in step.workflow.message
    assert "exit code 3" in step.workflow.message
    assert "no such disk" in step.changes[-1].why
    with pytest.raises(UnknownActionError):
        report(step.workflow, ONE, "zzz", ActionState.SUCCESS, 9.0)


def test_only_the_agent_whose_turn_it_is_gets_work() -> None:
    """The second task's agent waits until the first task is done."""
    with pytest.raises(OutOfTurnError):
        hand_out(workflow(), TWO, 2.0)
    _, turn = hand_out(done(workflow(), "a", "b"), TWO, 3.0)
    assert turn is not None
    assert turn.action.id == "c"


def test_a_running_action_is_handed_out_again_as_itself() -> None:
    """A worker that was restarted gets the same action id, and no event is told of it."""
    running = report(workflow(), ONE, "a", ActionState.RUNNING, 2.0).workflow
    step, turn = hand_out(running, ONE, 3.0)
    assert turn is not None
    assert (turn.action.id, step.changes) == ("a", ())


def rebooting(*boot_ids: str) -> Workflow:
    """The reboot was handed out to these boots of the machine, and then begun."""
    state = done(workflow(reboot=True), "a")
    for boot_id in boot_ids:
        state = hand_out(state, ONE, 3.0, boot_id)[0].workflow
    return report(state, ONE, "b", ActionState.RUNNING, 3.0).workflow


@pytest.mark.parametrize(
    ("boot_ids", "asks"),
    [(["A"], "B"), (["A"], ""), ([""], "B"), ([""], ""), ([], "B"), (["A", "B"], "A"), (["A", ""], "A")],
)
def test_a_reboot_is_not_served_in_another_boot(boot_ids: list[str], asks: str) -> None:
    """Who asks while its reboot runs has rebooted, as far as anyone can tell: that is its success."""
    step, turn = hand_out(rebooting(*boot_ids), ONE, 4.0, asks)
    assert turn is None
    assert told(step) == [("restart", "RUNNING", "SUCCESS")]
    after = current(step.workflow)
    assert after is not None
    assert after.action.id == "c"


@pytest.mark.parametrize("boot_ids", [["A"], ["", "A"], ["B", "A"]])
def test_a_reboot_is_served_again_in_its_own_boot(boot_ids: list[str]) -> None:
    """Who asks in the boot that the reboot was handed out to has not rebooted: the same run, no event."""
    running = rebooting(*boot_ids)
    step, turn = hand_out(running, ONE, 4.0, "A")
    assert step == Step(running)
    assert turn is not None
    assert (turn.action.id, turn.action.state) == ("b", ActionState.RUNNING)
    assert told(hand_out(running, ONE, 5.0, "C")[0]) == [("restart", "RUNNING", "SUCCESS")]


def test_another_run_of_a_reboot_knows_no_boot() -> None:
    """What an earlier run was handed out to says nothing about this one."""
    failed = report(rebooting("A"), ONE, "b", ActionState.FAILED, 4.0).workflow
    again = current(retry(failed, 5.0, who="operator").workflow)
    assert again is not None
    assert (again.action.name, again.action.boot_id) == ("restart", "")


def test_booting_completes_a_reboot_that_was_handed_out() -> None:
    """The netboot after a reboot is its success, even where RUNNING was never reported."""
    handed, _ = hand_out(done(workflow(reboot=True), "a"), ONE, 3.0)
    assert told(booted(handed.workflow, ONE, 4.0)) == [
        ("restart", "PENDING", "RUNNING"),
        ("restart", "RUNNING", "SUCCESS"),
    ]


@pytest.mark.parametrize("agents", [ONE, TWO])
def test_booting_says_nothing_about_other_actions(agents: set[str]) -> None:
    """A boot before the reboot was handed out, or in another action, or another's, changes nothing."""
    fresh = workflow(reboot=True)
    assert booted(fresh, agents, 2.0).changes == ()
    running = report(fresh, ONE, "a", ActionState.RUNNING, 2.0).workflow
    assert booted(running, agents, 3.0).changes == ()
    assert booted(done(fresh, "a"), agents, 3.0).changes == ()


def test_repeated_and_late_reports_change_nothing() -> None:
    """The same report twice, or one that contradicts an end, is taken without effect."""
    state = done(workflow(), "a")
    for late in set(ActionState) - {ActionState.RUNNING}:
        assert report(state, ONE, "a", late, 9.0) == Step(state)
    failed = report(state, ONE, "b", ActionState.FAILED, 9.0).workflow
    assert report(failed, ONE, "b", ActionState.SUCCESS, 10.0) == Step(failed)


def test_a_run_that_is_over_is_not_begun() -> None:
    """An agent begins only once its RUNNING was taken: after a cancellation it is refused."""
    cancelled = cancel(workflow(), 2.0, who="operator").workflow
    for state in (cancelled, done(workflow(), "a")):
        with pytest.raises(OutOfTurnError, match="over"):
            report(state, ONE, "a", ActionState.RUNNING, 9.0)


def test_reports_of_others_and_out_of_turn_are_refused() -> None:
    """Nobody reports on another agent's action, or on one whose turn has not come."""
    with pytest.raises(NotYoursError):
        report(workflow(), TWO, "a", ActionState.SUCCESS, 2.0)
    with pytest.raises(OutOfTurnError):
        report(workflow(), ONE, "b", ActionState.SUCCESS, 2.0)


def test_an_overdue_action_times_out_after_its_grace() -> None:
    """A silent action ends in TIMEOUT once its own timeout and the grace are over, and no sooner."""
    running = report(workflow(timeout_s=10), ONE, "a", ActionState.RUNNING, 100.0).workflow
    assert expire(running, Clock(110.0 + GRACE_S, 0.0)).changes == ()
    step = expire(running, Clock(110.1 + GRACE_S, 0.0))
    assert step.workflow.state is State.TIMEOUT
    assert "write" in step.workflow.message


def test_no_timeout_means_none() -> None:
    """0 is no limit, for actions and workflows."""
    running = report(workflow(), ONE, "a", ActionState.RUNNING, 1.0).workflow
    assert expire(running, Clock(1e12, 0.0)).changes == ()


def test_a_server_that_was_away_gives_the_grace_anew() -> None:
    """After a restart, the worker has the grace to deliver the report it could not."""
    running = report(workflow(timeout_s=10), ONE, "a", ActionState.RUNNING, 100.0).workflow
    assert expire(running, Clock(5000.0, 4990.0)).changes == ()
    assert expire(running, Clock(4990.1 + GRACE_S, 4990.0)).changes != ()


def test_the_global_timeout_counts_from_the_first_start() -> None:
    """An overdue workflow ends in TIMEOUT, whether an action runs or not."""
    idle = done(workflow(global_timeout_s=10), "a")
    assert expire(idle, Clock(11.0 + GRACE_S, 0.0)).changes == ()
    step = expire(idle, Clock(12.1 + GRACE_S, 0.0))
    assert told(step) == [(None, "RUNNING", "TIMEOUT")]
    running = report(idle, ONE, "b", ActionState.RUNNING, 3.0).workflow
    assert told(expire(running, Clock(12.1 + GRACE_S, 0.0)))[0] == ("restart", "RUNNING", "TIMEOUT")
