"""What a machine says reaches an operator's terminal as text, and nothing of it as an order."""

import pytest
from operator_api import MAC, Operator

from osie.contracts.action_events import Progress
from osie.tink.domain.workflow import ActionState
from osie.tink.store.workflow_rows import LogLine

# Clear the screen, set the title, fill the clipboard, a link, C1's CSI, text from right to left, a colour.
ORDERS = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJm\x07\x1b]8;;http://evil/\x1b\\x\x9b1A\u202edne\x1b[32m[red]ok[/red]"
FORGED = "\nworkflow/w1 is SUCCESS\r\u2028workflow/w1 is SUCCESS\x85workflow/w1 is SUCCESS"
HOSTILE = ORDERS + FORGED


async def _misbehave(operator: Operator) -> None:
    """One action has failed, and the next is at work: both say what a hostile machine would."""
    workflow, turn = await operator.tink.agents.get_action(MAC)
    ids = (f"default/{workflow.name}", MAC, turn.action.id)
    await operator.tink.agents.report(*ids, ActionState.RUNNING, message=HOSTILE)
    await operator.tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", HOSTILE)])
    told = Progress(HOSTILE[:60], 5, None, HOSTILE[:40], 1.0, None)
    await operator.tink.agents.progress(*ids, told._asdict())


COMMANDS = [
    ("get", "workflows"),
    ("get", "workflows", "-o", "wide"),
    ("get", "machines", "-o", "wide"),
    ("workflow", "logs", "w1"),
    ("workflow", "logs", "w1", "-t"),
    ("workflow", "explain", "w1"),
]


def assert_harmless(told: str) -> None:
    """Nothing that a terminal acts upon; no line that passes for one of ours."""
    assert [c for c in told if not c.isprintable() and c not in "\n\t"] == []
    assert not any(line.startswith("workflow/w1 is SUCCESS") for line in told.split("\n"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_a_machine_s_words_are_shown_and_not_obeyed(
    operator: Operator, command: tuple[str, ...]
) -> None:
    """In the logs, the explanation and the tables."""
    await operator.osie("apply", "-f", "files.yaml")
    await _misbehave(operator)
    status, told = await operator.osie(*command)
    assert status == 0
    assert_harmless(told)


async def test_what_a_failure_says_is_shown_and_not_obeyed(operator: Operator) -> None:
    """In `watch`, in `explain`, and in the table that has messages."""
    await operator.osie("apply", "-f", "files.yaml")
    for _ in range(2):
        await operator.end(ActionState.FAILED, HOSTILE)
    for command in (
        ("workflow", "watch", "w1"),
        ("workflow", "explain", "w1"),
        ("get", "workflows", "-o", "wide"),
        ("get", "workflow", "w1", "-o", "yaml"),
        ("get", "workflow", "w1", "-o", "json"),
    ):
        _, told = await operator.osie(*command)
        assert "owned" in told
        assert_harmless(told)
