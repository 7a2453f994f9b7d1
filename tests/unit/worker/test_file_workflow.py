"""Which action of a file comes next, and what a file must say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.worker.action import State
from osie.worker.transport.file_workflow import Next, Told, find_next, parse

AGENT = "52:54:00:00:00:01"


def document(*actions: dict[str, Any], **more: object) -> dict[str, Any]:
    """A rendered template with one task."""
    made = [{"name": f"a{n}", "image": "i", **action} for n, action in enumerate(actions)]
    return {"version": "0.1", "name": "w", "tasks": [{"name": "t", "worker": AGENT, "actions": made}], **more}


def next_of(
    written: dict[str, Any], *told: tuple[str, State], now: float = 1000.0, boot: str = "one"
) -> Next:
    """What comes next after these ends, each told at second 900 of the first boot."""
    known = {f"f-{name}": Told(state, 890.0, 900.0, "one") for name, state in told}
    return find_next(parse(written, agent_id=AGENT, prefix="f"), known, now=now, boot=boot)


def run_of(following: Next) -> str:
    """The ID of the run, without its prefix."""
    return following.action.action_id.removeprefix("f-") if following.action else ""


def test_in_order() -> None:
    """The first action without an end is next; after the last one all is well."""
    written = document({}, {})
    assert run_of(next_of(written)) == "1-1.1"
    assert run_of(next_of(written, ("1-1.1", State.RUNNING))) == "1-1.1"
    assert run_of(next_of(written, ("1-1.1", State.SUCCESS))) == "1-2.1"
    assert next_of(written, ("1-1.1", State.SUCCESS), ("1-2.1", State.SUCCESS)) == Next(None)


def test_the_namespace_s_pid_counts_before_the_older_key() -> None:
    """In a file as with a server."""
    both = {"pid": "host", "namespaces": {"pid": "container:a"}}
    first, second = (next_of(document(each)).action for each in (both, {"pid": "host"}))
    assert first is not None
    assert second is not None
    assert (first.pid, second.pid) == ("container:a", "host")


def test_retries() -> None:
    """A failed action is tried again as another run, each time after twice the pause, 300 s at most."""
    written = document({"retries": 8, "retry-backoff": 10}, {})
    told = []
    for attempt, pause_s in enumerate((10, 20, 40, 80, 160, 300, 300, 300), start=1):
        told.append((f"1-1.{attempt}", State.FAILED))
        following = next_of(written, *told)
        assert (run_of(following), following.not_before) == (f"1-1.{attempt + 1}", 900.0 + pause_s)
    assert next_of(written, *told, ("1-1.9", State.TIMEOUT)) == Next(None, failed=True)
    assert run_of(next_of(written, *told, ("1-1.9", State.SUCCESS))) == "1-2.1"


@pytest.mark.parametrize(("state", "kind"), [(State.FAILED, "on-failure"), (State.TIMEOUT, "on-timeout")])
def test_hooks(state: State, kind: str) -> None:
    """After the last attempt the hook runs, once, with the action's image; its success changes nothing."""
    hook = {"on-failure": ["f"], "on-timeout": ["t"]}
    following = next_of(document({**hook, "environment": {"A": True}}), ("1-1.1", state))
    assert following.action is not None
    assert (run_of(following), following.action.command) == (f"1-1.{kind}", (kind[3],))
    assert (following.action.timeout_s, following.action.environment) == (300, ("A=true",))
    for ended in (State.SUCCESS, State.FAILED):
        told = (("1-1.1", state), (f"1-1.{kind}", ended))
        assert next_of(document(hook), *told) == Next(None, failed=True)


def test_a_reboot_is_done_when_the_machine_is_back() -> None:
    """What was rebooting when the machine went down is over, and nothing else is."""
    written = document({"reboot": True}, {})
    assert run_of(next_of(written, ("1-1.1", State.RUNNING))) == "1-1.1"
    assert run_of(next_of(written, ("1-1.1", State.RUNNING), boot="two")) == "1-2.1"
    assert run_of(next_of(document({}, {}), ("1-1.1", State.RUNNING), boot="two")) == "1-1.1"


def test_global_timeout() -> None:
    """All actions together have so long; the one that runs then gets what is left, and none begins after."""
    written = document({}, {"timeout": 600}, {"timeout": 5}, global_timeout=200)
    first = (("1-1.1", State.SUCCESS),)
    for told, left_s in ((first, 90), ((*first, ("1-2.1", State.SUCCESS)), 5)):
        action = next_of(written, *told).action
        assert action is not None
        assert action.timeout_s == left_s
    assert next_of(written, *first, now=1090.0) == Next(None, failed=True)


def test_everything_that_is_wrong_is_told() -> None:
    """Places and reasons, all at once."""
    written = {
        "tasks": [
            {"worker": "another", "actions": [{"name": "a", "if": "true", "timeout": "soon", "comand": []}]},
            {"actions": [{"image": "i", "environment": ["A=B"], "volumes": "/x:/x"}, "run"]},
        ]
    }
    with pytest.raises(ValueError, match="another machine") as caught:
        parse(written, agent_id=AGENT, prefix="f")
    lines = str(caught.value).splitlines()
    for place in (
        *("tasks[0].worker", "tasks[0].actions[0].if", "tasks[0].actions[0].image"),
        *("tasks[0].actions[0].timeout", "tasks[0].actions[0]: comand", "tasks[1].actions[0].name"),
        *("tasks[1].actions[0].environment", "tasks[1].actions[0].volumes", "tasks[1].actions[1]"),
    ):
        assert any(line.startswith(place) for line in lines), (place, lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["tasks", "actions", "name", "image", "environment"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_document_is_read_or_refused(written: object) -> None:
    """Whatever JSON is in the file, it is a plan or has errors with their places."""
    try:
        plan = parse(written, agent_id=AGENT, prefix="f")
    except ValueError as error:
        assert ":" in str(error)
    else:
        assert all(step.action.name and step.action.image for step in plan.steps)
