"""`osie workflow watch` and `logs -f` through what becomes of the server and of the workflow."""

import os

import pytest
from operator_api import FILES, Operator, opened

from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.workflow import ActionState


async def _restarted(operator: Operator) -> None:
    await operator.stop()
    await operator.start()


@pytest.mark.parametrize("command", ["watch", "logs"])
async def test_a_workflow_is_followed_through_restarts(operator: Operator, command: str) -> None:
    """Each line once and none left out, with one line on standard error for each time the server was away."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.end(ActionState.FAILED, "once")
    arguments, first = (
        (["watch", "w1"], "PENDING -> RUNNING")
        if command == "watch"
        else (["logs", "-f", "w1"], "write: this is write")
    )
    async with operator.going_on("workflow", *arguments) as following:
        told = await following.until(first)
        await _restarted(operator)
        await operator.end(ActionState.SUCCESS)
        told += "\n" + await following.until("SUCCESS" if command == "watch" else "write: this is write")
        await _restarted(operator)
        await operator.end(ActionState.SUCCESS)
        status, rest, errors = await following.end()
    told = (told + "\n" + rest).strip()
    assert (status, told) == (0, (await operator.osie("workflow", *arguments))[1].strip())
    assert command == "watch" or len(told.splitlines()) == 3
    assert errors.count("waiting for it (Ctrl-C to end)\n") == errors.count("\n") == 2, errors


async def test_a_workflow_that_goes_ends_its_following(operator: Operator) -> None:
    """Deleted, or another in its place: a sentence and exit status 1, and nothing of the other."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.end(ActionState.FAILED, "once")
    async with operator.going_on("workflow", "logs", "-f", "w1") as following:
        await following.until("this is write")
        await operator.stop()
        async with opened(operator.folder) as tink:
            await tink.resources.delete(Ref(Kind.WORKFLOW, "default", "w1"), force=True)
            await tink.resources.apply([("files.yaml", FILES)])
        await operator.start()
        status, told, errors = await following.end()
    assert (status, told) == (1, "")
    assert errors.endswith("osie: workflow w1 was deleted, and there is another of this name\n"), errors
    async with operator.going_on("workflow", "watch", "w1") as following:
        await following.until("PENDING")
        await operator.osie("delete", "workflow", "w1", "--force")
        status, _, errors = await following.end()
    assert (status, errors) == (1, "osie: there is no Workflow default/w1\n")


async def test_a_closed_pipe_ends_what_is_printed(operator: Operator) -> None:
    """`osie ... | head -1`: exit status 1 and not a word, whatever goes on behind it."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.end(ActionState.FAILED, "once")
    for arguments in (
        ("workflow", "watch", "w1"), ("workflow", "logs", "-f", "w1"), ("get", "workflows"),
        ("get", "workflows", "--watch"), ("get", "workflows", "-o", "json"), ("render", "w1"),
    ):  # fmt: skip
        reading, writing = os.pipe()
        os.close(reading)
        async with operator.going_on(*arguments, output=writing) as command:
            os.close(writing)
            assert await command.end() == (1, "", ""), arguments


async def test_following_is_interrupted_while_the_server_is_away(operator: Operator) -> None:
    """Ctrl-C ends it with 130; where no server answers from the first on, it isn't waited for."""
    await operator.osie("apply", "-f", "files.yaml")
    async with operator.going_on("workflow", "watch", "w1") as following:
        await following.until("PENDING")
        await operator.stop()
        await following.until("waiting for it", errors=True)
        await following.stop()
    status, told = await operator.osie("workflow", "watch", "w1")
    assert (status, "no Osie server answers" in told) == (1, True), told
