"""The older generation of the protocol, as values: whose turn it is, and what a report becomes."""

import pytest

from osie.contracts import tink_older_pb2 as older
from osie.worker.action import Action, Report, Run, State
from osie.worker.transport.older import status_request, turn

ME, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


def actions(*workers: str) -> older.WorkflowActionList:
    """One action for each of the workers: a, b, c."""
    named = zip("abc", workers, strict=False)
    return older.WorkflowActionList(
        action_list=[
            older.WorkflowAction(task_name="t", name=name, image="i", worker_id=worker)
            for name, worker in named
        ]
    )


def context(current: str, index: int, state: older.State) -> older.WorkflowContext:
    """Where the workflow stands."""
    return older.WorkflowContext(
        workflow_id="default/w",
        current_action=current,
        current_action_index=index,
        current_action_state=state,
        total_number_of_actions=3,
    )


@pytest.mark.parametrize(
    ("stands", "workers", "name"),
    [
        (context("", 0, older.STATE_PENDING), (ME, ME, ME), "a"),
        (context("a", 0, older.STATE_PENDING), (ME, ME, ME), "a"),
        (context("a", 0, older.STATE_RUNNING), (ME, ME, ME), "a"),
        (context("a", 0, older.STATE_SUCCESS), (ME, ME, ME), "b"),
        (context("c", 2, older.STATE_SUCCESS), (ME, ME, ME), None),
        (context("a", 0, older.STATE_FAILED), (ME, ME, ME), None),
        (context("a", 0, older.STATE_TIMEOUT), (ME, ME, ME), None),
        (context("a", 0, older.STATE_SUCCESS), (ME, OTHER, ME), None),
        (context("a", 0, older.STATE_PENDING), (OTHER, ME, ME), None),
        (context("", 0, older.STATE_PENDING), (), None),
    ],
    ids=lambda value: (
        f"{value.current_action}-{value.current_action_state}"
        if isinstance(value, older.WorkflowContext)
        else None
    ),
)
def test_whose_turn_it_is(stands: older.WorkflowContext, workers: tuple[str, ...], name: str | None) -> None:
    """The action under way, or the one behind what is done; not another's, and none after a failure."""
    action = turn(stands, actions(*workers), ME)
    assert (action.name if action else None) == name


def test_two_actions_have_different_ids() -> None:
    """An id is made of the workflow, the place in it and the name."""
    ids = {
        action.action_id
        for index in range(3)
        if (action := turn(context("x", index, older.STATE_PENDING), actions(ME, ME, ME), ME))
    }
    assert len(ids) == 3


def test_a_report_on_the_wire() -> None:
    """Names in place of ids, whole seconds, and this generation's numbers of the states."""
    run = Run(Action("default/w", "t", ME, "older/default/w/0/a", "a", "i"), 1000.5)
    told = status_request(Report(run, State.TIMEOUT, "too long", 1002.4))
    assert told == older.WorkflowActionStatus(
        workflow_id="default/w",
        task_name="t",
        action_name="a",
        action_status=older.STATE_TIMEOUT,
        seconds=2,
        message="too long",
        created_at={"seconds": 1000, "nanos": 500_000_000},
        worker_id=ME,
    )
