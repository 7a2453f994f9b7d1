"""Why a workflow is where it is, told in sentences."""

from dataclasses import replace
from typing import Any

import pytest

from osie.tink.domain.explain import Hindrances, explain, span
from osie.tink.domain.workflow import Action, ActionState, Cause, State, Task, Workflow

AGENT = "52:54:00:00:00:01"
WRITE = Action("1", "write", "i", 60)
RESTART = Action("2", "restart", "i", 0)


def _workflow(*actions: Action, **fields: Any) -> Workflow:
    task = Task("t", "install", "", (AGENT,), actions or (WRITE, RESTART))
    return Workflow("w", "default", "w1", "m1", "debian", (task,), **{"state": State.PENDING, **fields})


FREE = Hindrances("m1", seen_at=990.0)


def _told(
    workflow: Workflow,
    *events: dict[str, Any],
    lines: tuple[str, ...] = (),
    hindrances: Hindrances = FREE,
) -> str:
    return "\n".join(explain(workflow, events, lines, hindrances, 1000.0))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0 s"), (45, "45 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (273600, "3 d 4 h")],
)
def test_spans_have_two_units_at_most(seconds: float, told: str) -> None:
    """Exact where it matters, short where it doesn't; a clock that went back is no negative time."""
    assert span(0, seconds) == told


def test_a_workflow_without_hardware() -> None:
    """One whose template names its workers is not said to be brought to a machine without a name."""
    told = _told(replace(_workflow(), hardware=""))
    assert told.startswith("Workflow default/w1 brings template debian to the workers that it names; it was")


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (WRITE, f"agent {AGENT} has yet to ask for it"),
        (replace(WRITE, handed_out_at=990.0), "was given action write of task install 10 s ago"),
        (replace(WRITE, state=ActionState.RUNNING, started_at=970.0), "for 30 s; it may take 60 s"),
        (replace(WRITE, retries=2, attempt=2, not_before=1003.0), "(attempt 2 of 3), which may begin in 3 s"),
    ],
)
def test_whose_turn_it_is(action: Action, told: str) -> None:
    """What is waited for, by whom and since when; and how to end it."""
    text = _told(_workflow(action, RESTART))
    assert told in text
    assert "`osie workflow cancel w1` ends it now." in text


ASKS = "has yet to ask for it"


@pytest.mark.parametrize(
    ("hindrances", "told", "asks"),
    [
        (FREE, "", True),
        (
            replace(FREE, ahead="default/w0"),
            f"Agent {AGENT} has workflow default/w0 before it, and they run one after the other: "
            "`osie workflow explain w0` tells where that stands.",
            False,
        ),
        (replace(FREE, ahead="lab/w0"), "`osie workflow explain w0 -n lab`", False),
        (
            replace(FREE, may_work=False),
            "allowWorkflow is false: set it to true in Hardware m1, and apply that.",
            False,
        ),
        (
            Hindrances("m1"),
            "The machine was never seen: is it on, and does it netboot in this server's network?",
            True,
        ),
        (Hindrances("m1", seen_at=100.0), "The machine was last seen 15 min ago: is it on?", True),
        (
            Hindrances("m1", seen_at=990.0, no_address="its address is outside this server's network"),
            "The machine asked by DHCP, and got no address: its address is outside this server's network.",
            True,
        ),
        (
            Hindrances("m1", netboots=False),
            "does not netboot, since allowPXE is false: set it to true in Hardware m1, or toggleAllowNetboot",
            True,
        ),
        (
            Hindrances(),
            f"No Hardware has the agent id {AGENT}: only a machine that asks under exactly that id gets it.",
            True,
        ),
    ],
)
def test_what_keeps_an_agent_from_its_action_is_told(hindrances: Hindrances, told: str, asks: bool) -> None:
    """The reason and what to do about it, rather than that it has yet to ask where it may not, or can't."""
    text = _told(_workflow(), hindrances=hindrances)
    assert told in text
    assert (ASKS in text) == asks
    handed = replace(WRITE, state=ActionState.RUNNING, started_at=970.0)
    assert told not in _told(_workflow(handed), hindrances=hindrances) or not told


def test_a_machine_that_waits_in_osie_need_not_netboot() -> None:
    """allowPXE matters where the machine is not there already."""
    assert "allowPXE" not in _told(_workflow(), hindrances=replace(FREE, netboots=False))


def test_cancelled_after_a_retry_is_not_before_any_action() -> None:
    """What ran before the retry did run; the sentence and the tally agree."""
    done = replace(WRITE, state=ActionState.SUCCESS)
    again = replace(RESTART, past_ids=("1",))
    text = _told(_workflow(done, again, state=State.FAILED, cause=Cause.CANCELLED, stopped_at=900.0))
    assert (
        "It failed before any action began anew, since an operator cancelled it: 1 of 2 actions succeeded"
        in text
    )
    never = _told(_workflow(state=State.FAILED, cause=Cause.CANCELLED, stopped_at=900.0))
    assert "It failed before any action began, since" in never


def test_silence_and_netboots_are_told() -> None:
    """A silent agent with the time since it was heard; boots that led nowhere, counted."""
    text = _told(_workflow(silent_since=880.0, boots=2))
    assert f"Agent {AGENT} has not been heard for 2 min" in text
    assert "netbooted 2 times since" in text
    away = replace(RESTART, reboot=True, state=ActionState.RUNNING, started_at=100.0)
    text = _told(_workflow(away, state=State.RUNNING, silent_since=100.0))
    assert "not been heard for 15 min: did the machine come back from its reboot, and" in text


def test_a_disabled_workflow_is_told_to_be_so() -> None:
    """Nobody has yet to ask for anything: its operator said so, and is told how to let it begin."""
    text = _told(_workflow(disabled=True, state=State.PREPARING))
    assert "It is disabled: nothing of it is handed out" in text
    assert "Apply it without `disabled: true`, and it may begin." in text
    assert "has yet to ask" not in text
    assert "cancel" not in text


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause])
def test_each_cause_of_a_failure_is_in_words(cause: Cause) -> None:
    """The cause, the message with all of its lines, the last lines, and the ways to go on."""
    done = replace(WRITE, state=ActionState.SUCCESS)
    failed = replace(RESTART, state=ActionState.FAILED)
    workflow = _workflow(
        done, failed, state=State.FAILED, cause=cause, message="no\ndisk", started_at=1.0, stopped_at=31.0
    )
    text = _told(workflow, lines=("opening /dev/sda",))
    assert "It failed 30 s after its first action began, since " in text
    assert "1 of 2 actions succeeded" in text
    assert "no\n    disk." in text
    assert "The last lines of action restart:\n  opening /dev/sda" in text
    assert "`osie workflow retry w1` goes on with action restart." in text


def test_what_operators_did_is_told_once() -> None:
    """A retry is the workflow's event; what it did to each action is not repeated."""
    event = {
        "at": 940.0,
        "action": None,
        "from": "FAILED",
        "to": "PENDING",
        "why": "retried from action write",
    }
    who = {"who": "operator alice"}
    text = _told(_workflow(), {**event, **who}, {**event, **who, "action": "write"})
    assert text.count("retried") == 1
    assert "1 min ago: retried from action write, said by the operator alice." in text
