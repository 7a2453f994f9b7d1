"""Attempts, hooks, conditions, silence, loops, and what operators do, on both databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from netbooting import Answered, netboot

from osie.contracts.machine import Netboot
from osie.tink.domain.errors import ConflictError, MissingError
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.states_time import Patience
from osie.tink.domain.steps import NotYoursError, OutOfTurnError
from osie.tink.domain.workflow import ActionState, Cause, State, Turn, Workflow, find, runs
from osie.tink.files.manifest import RefusedError
from osie.tink.service.dispatch import NoWorkError
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store
from osie.tink.store.workflow_rows import LogLine

from .conftest import MAC, OTHER_MAC, TEMPLATE, Clock, manifests

ID = "default/install-m1"
REF = Ref(Kind.WORKFLOW, "default", "install-m1")


def files(actions: str) -> list[tuple[str, str]]:
    """The machine and a workflow of these actions, as YAML in flow style, one a line."""
    head, _ = TEMPLATE.split("          - name: write")
    listed = "".join(f"          - {line.strip()}\n" for line in actions.strip().splitlines())
    hardware, _, workflow = manifests()
    return [hardware, ("template.yaml", head + listed), workflow]


async def stored(tink: Tink) -> Workflow:
    """install-m1 as it is now."""
    return await Queries(tink.store).workflow(REF)


async def events(tink: Tink) -> list[tuple[str, str | None, str | None, str]]:
    """Every event: (who, the action's name or "-", from, to)."""
    found = await Queries(tink.store).events(await stored(tink), 0, 1000)
    return [(event["who"], event["action"] or "-", event["from"], event["to"]) for event in found]


async def ask(tink: Tink) -> Turn:
    """What the machine shall run."""
    _, turn = await tink.agents.get_action(MAC)
    return turn


async def tell(tink: Tink, turn: Turn, state: ActionState, message: str = "") -> None:
    """The machine reports."""
    await tink.agents.report(ID, MAC, turn.action.id, state, message=message)


async def netboots(tink: Tink) -> bool:
    """Whether the machine's Hardware lets it."""
    found = await tink.machines.find(MAC)
    assert found is not None
    return found.allow_pxe


@asynccontextmanager
async def patient(store: Store, clock: Clock, patience: Patience) -> AsyncIterator[Tink]:
    """An engine with another policy."""
    async with Tink(store, patience=patience, tick_s=3600, now=clock) as made:
        yield made


async def test_attempts_then_the_hook_then_the_end(tink: Tink, store: Store, clock: Clock) -> None:
    """Each attempt waits longer and has an id of its own; after the last one the hook runs, and nothing is
    forgotten by a server that starts anew in between."""
    await tink.resources.apply(
        files(
            "{name: write, image: i, retries: 2, retry-backoff: 10, "
            "environment: {A: b}, on-failure: [sh, -c, x]}"
        )
    )
    ids = []
    for attempt, wait_s in ((1, 10), (2, 20)):
        turn = await ask(tink)
        assert turn.action.attempt == attempt
        ids.append(turn.action.id)
        await tell(tink, turn, ActionState.FAILED, f"no {attempt}")
        clock.at += wait_s - 1
        with pytest.raises(OutOfTurnError, match=rf"attempt {attempt + 1} of write begins in 1 s"):
            await ask(tink)
        clock.at += 1
    async with patient(store, clock, Patience()) as anew:
        last = await ask(anew)
        assert last.action.id not in ids
        await tell(anew, last, ActionState.FAILED, "no 3")
        assert (await stored(anew)).state is State.RUNNING
        hook = await ask(anew)
    assert (hook.action.name, hook.action.command) == ("write.on-failure", ("sh", "-c", "x"))
    assert (hook.action.image, hook.action.environment, hook.action.timeout_s) == ("i", ("A=b",), 300)
    await tell(tink, hook, ActionState.RUNNING)
    await tell(tink, hook, ActionState.SUCCESS, "cleaned")
    ended = await stored(tink)
    assert (ended.state, ended.cause) == (State.FAILED, Cause.ACTION)
    assert ended.message.splitlines() == [
        "action write of task install failed in the last of 3 attempts: no 3",
        "write.on-failure ended with SUCCESS: cleaned",
    ]
    assert await events(tink) == [
        ("server", "-", None, "PREPARING"),
        ("server", "-", "PREPARING", "PENDING"),
        (f"agent {MAC}", "-", "PENDING", "RUNNING"),
        (f"agent {MAC}", "write", "PENDING", "RUNNING"),
        (f"agent {MAC}", "write", "RUNNING", "FAILED"),
        ("server", "write", "FAILED", "PENDING"),
        (f"agent {MAC}", "write", "PENDING", "RUNNING"),
        (f"agent {MAC}", "write", "RUNNING", "FAILED"),
        ("server", "write", "FAILED", "PENDING"),
        (f"agent {MAC}", "write", "PENDING", "RUNNING"),
        (f"agent {MAC}", "write", "RUNNING", "FAILED"),
        (f"agent {MAC}", "write.on-failure", "PENDING", "RUNNING"),
        (f"agent {MAC}", "write.on-failure", "RUNNING", "SUCCESS"),
        ("server", "-", "RUNNING", "FAILED"),
    ]


async def test_a_hook_that_nobody_fetches_is_ended(tink: Tink, clock: Clock) -> None:
    """An agent that is gone neither reports nor fetches the hook: both end, and the workflow with them."""
    await tink.resources.apply(files("{name: write, image: i, timeout: 30, on-timeout: [x]}"))
    await tell(tink, await ask(tink), ActionState.RUNNING)
    for _ in range(2):
        assert (await stored(tink)).state is State.RUNNING
        clock.at += 91
        await tink.watch.look(serving_since=0)
    ended = await stored(tink)
    assert (ended.state, ended.cause) == (State.TIMEOUT, Cause.ACTION_TIMEOUT)
    assert "write.on-timeout ended with TIMEOUT: nobody fetched it" in ended.message


async def test_conditions_decide_what_runs(tink: Tink) -> None:
    """An action runs if its condition holds for what the machine is made of and what went before."""
    await tink.resources.apply(
        files(
            """{name: raid, image: i, if: 'gt (len .attributes.blockDevices) 1'}
            {name: disk, image: i, if: 'eq .actions.raid.state "SKIPPED"'}
            {name: never, image: i, if: false}"""
        )
    )
    _, turn = await tink.agents.get_action(MAC, {"block": [{"name": "sda"}]})
    assert turn.action.name == "disk"
    await tell(tink, turn, ActionState.SUCCESS)
    with pytest.raises(NoWorkError):
        await ask(tink)
    ended = await stored(tink)
    assert ended.state is State.SUCCESS
    assert [action.state for action in ended.tasks[0].actions] == ["SKIPPED", "SUCCESS", "SKIPPED"]
    assert "gt (len .attributes.blockDevices) 1" in ended.tasks[0].actions[0].message


@pytest.mark.parametrize("condition", ['eq .actions.nobody.state "SUCCESS"', 'repeat 1000000000 "x"'])
async def test_a_condition_that_can_not_be_told_fails_its_action(tink: Tink, condition: str) -> None:
    """A missing name, and a pipeline that would take all memory, fail the action, with the reason."""
    await tink.resources.apply(
        files(f"{{name: a, image: i, retries: 3, on-failure: [x], if: '{condition}'}}")
    )
    with pytest.raises(NoWorkError):
        await ask(tink)
    ended = await stored(tink)
    assert (ended.state, ended.cause) == (State.FAILED, Cause.ACTION)
    assert "its condition can't be evaluated" in ended.message


async def test_a_conditions_mistakes_are_told_when_it_is_applied(tink: Tink) -> None:
    """Syntax and unknown functions are faults of the batch, each at its path, all together."""
    actions = """{name: a, image: i, if: 'eq .x ('}
        {name: b, image: i, if: 'fine 1'}
        {name: c, image: i, if: 'true'}"""
    with pytest.raises(RefusedError) as caught:
        await tink.resources.apply(files(actions))
    told = [(fault.file, fault.message.partition(": column")[0]) for fault in caught.value.faults]
    where = "Template default/install (template.yaml, document 1), rendered: tasks[0].actions"
    assert told == [("workflow.yaml", f"{where}[{n}].if") for n in (0, 1)]


async def test_cancelling_stops_what_runs(tink: Tink) -> None:
    """The running action fails, its worker hears that it shall stop, a late report changes nothing, no hook
    runs, and netboot stays on, since the disk may be half written."""
    await tink.resources.apply(files("{name: write, image: i, retries: 5, on-failure: [x]}"))
    turn = await ask(tink)
    await tell(tink, turn, ActionState.RUNNING)
    assert await tink.agents.heartbeat(ID, MAC, turn.action.id) == (False, "")
    await tink.operations.cancel(REF, who="alice", why="wrong\nmachine")
    assert await tink.agents.heartbeat(ID, MAC, turn.action.id) == (
        True,
        "the workflow is FAILED (cancelled)",
    )
    await tell(tink, turn, ActionState.SUCCESS)
    ended = await stored(tink)
    assert (ended.state, ended.cause) == (State.FAILED, Cause.CANCELLED)
    assert ended.message == "cancelled by operator alice: wrong machine"
    assert (await events(tink))[-2:] == [
        ("operator alice", "write", "RUNNING", "FAILED"),
        ("operator alice", "-", "RUNNING", "FAILED"),
    ]
    assert await netboots(tink)
    with pytest.raises(ConflictError, match="is FAILED already"):
        await tink.operations.cancel(REF)
    with pytest.raises(MissingError):
        await tink.operations.cancel(Ref(Kind.WORKFLOW, "default", "nobody"))


async def test_cancelling_what_never_began_takes_netboot_back(tink: Tink) -> None:
    """Nothing was written, so the machine boots as its Hardware says."""
    await tink.resources.apply(manifests())
    await tink.operations.cancel(REF)
    assert not await netboots(tink)


async def test_heartbeats_of_others_and_of_nothing(tink: Tink) -> None:
    """An agent that is at something that we don't know shall stop; another agent's is refused."""
    await tink.resources.apply(manifests())
    turn = await ask(tink)
    assert (await tink.agents.heartbeat("default/gone", MAC, turn.action.id))[0]
    assert (await tink.agents.heartbeat(ID, MAC, "no-such-run"))[0]
    with pytest.raises(NotYoursError):
        await tink.agents.heartbeat(ID, OTHER_MAC, turn.action.id)


async def test_retrying_goes_on_where_it_failed(tink: Tink) -> None:
    """What succeeded stays; the failed action runs anew under another id, and its old lines are kept."""
    await tink.resources.apply(
        files("{name: probe, image: i}\n{name: write, image: i}\n{name: check, image: i}")
    )
    probe = await ask(tink)
    await tell(tink, probe, ActionState.SUCCESS)
    first = await ask(tink)
    await tink.agents.logs(ID, MAC, first.action.id, [LogLine(1, 1.0, "stderr", "bad sector")])
    await tell(tink, first, ActionState.FAILED, "exit code 1")
    with pytest.raises(ConflictError, match="does not have, action 'check'"):
        await tink.operations.retry(REF, action="check")
    await tink.operations.retry(REF, who="bob")
    again = await stored(tink)
    assert (again.state, again.cause, again.message, again.run) == (State.PENDING, "", "", 1)
    second = await ask(tink)
    assert (second.action.name, second.action.attempt) == ("write", 1)
    assert second.action.id != first.action.id
    assert {(run, name) for run, _, name in runs(again)} >= {
        (first.action.id, "write"),
        (probe.action.id, "probe"),
    }
    await tell(tink, first, ActionState.SUCCESS)  # of the old run: nothing
    assert (await tink.agents.heartbeat(ID, MAC, first.action.id))[0]
    assert (await stored(tink)).state is State.PENDING
    await tell(tink, second, ActionState.FAILED)
    await tink.operations.retry(REF, action="probe")
    assert (await ask(tink)).action.name == "probe"
    with pytest.raises(ConflictError, match="is PENDING"):
        await tink.operations.retry(REF)
    lines = await Queries(tink.store).logs(await stored(tink), None, 0, 10)
    assert [line["text"] for line in lines] == ["bad sector"]


async def test_a_retried_workflow_goes_behind_the_others(tink: Tink) -> None:
    """The workflow that runs meanwhile on the machine is not interrupted."""
    *rest, (name, text) = manifests()
    await tink.resources.apply([*rest, (name, text), ("next", text.replace("install-m1", "next"))])
    await tell(tink, await ask(tink), ActionState.FAILED)
    other, turn = await tink.agents.get_action(MAC)
    assert other.name == "next"
    await tink.agents.report("default/next", MAC, turn.action.id, ActionState.RUNNING)
    await tink.operations.retry(REF)
    other, same = await tink.agents.get_action(MAC)
    assert (other.name, same.action.id) == ("next", turn.action.id)


async def test_running_again_begins_from_the_first_action(tink: Tink) -> None:
    """After a success everything runs anew, with netboot on, and the count of runs tells."""
    await tink.resources.apply(files("{name: write, image: i}"))
    with pytest.raises(ConflictError, match="has not ended"):
        await tink.operations.run_again(REF)
    first = await ask(tink)
    await tell(tink, first, ActionState.SUCCESS)
    assert not await netboots(tink)
    await tink.operations.run_again(REF, who="operator")
    assert await netboots(tink)
    second = await ask(tink)
    assert second.action.id != first.action.id
    await tell(tink, second, ActionState.SUCCESS)
    ended = await stored(tink)
    assert (ended.state, ended.run, await netboots(tink)) == (State.SUCCESS, 2, False)
    assert ("operator", "-", "SUCCESS", "PENDING") in await events(tink)


async def test_silence_is_noticed_and_ends(tink: Tink, clock: Clock) -> None:
    """A worker whose heartbeats stop is told to be silent, once; a word from it ends that."""
    await tink.resources.apply(files("{name: write, image: i}"))
    turn = await ask(tink)
    await tell(tink, turn, ActionState.RUNNING)
    clock.at += 120
    await tink.watch.look(serving_since=0)
    assert (await stored(tink)).silent_since is None  # it never sent a heartbeat: it is upstream's
    await tink.agents.heartbeat(ID, MAC, turn.action.id)
    last = clock.at
    for _ in range(2):
        clock.at += 59
        await tink.watch.look(serving_since=clock.at - 59)  # what passed before our start doesn't count
    assert (await stored(tink)).silent_since is None
    for _ in range(3):
        clock.at += 30
        await tink.watch.look(serving_since=0)
    since = (await stored(tink)).silent_since
    assert since == pytest.approx(last, abs=1)
    assert (await tink.agents.heartbeat(ID, MAC, turn.action.id)) == (False, "")
    assert (await stored(tink)).silent_since is None
    assert (await events(tink))[-2:] == [
        ("server", "-", "RUNNING", "RUNNING"),
        (f"agent {MAC}", "-", "RUNNING", "RUNNING"),
    ]


async def test_silence_fails_a_workflow_by_policy(store: Store, clock: Clock) -> None:
    """With on_silence = "fail" the workflow of a silent agent ends; what runs is not tried again."""
    policy = Patience(on_silence="fail", silent_fail_after_s=300)
    async with patient(store, clock, policy) as tink:
        await tink.resources.apply(
            files("{name: write, image: i, retries: 3, on-failure: [x]}\n{name: b, image: i}")
        )
        turn = await ask(tink)
        await tell(tink, turn, ActionState.RUNNING)
        await tink.agents.heartbeat(ID, MAC, turn.action.id)
        for _ in range(2):
            assert (await stored(tink)).state is State.RUNNING
            clock.at += 160
            await tink.watch.look(serving_since=0)
        ended = await stored(tink)
        assert (ended.state, ended.cause, ended.silent_since) == (State.FAILED, Cause.SILENT, None)
        assert f"agent {MAC} is silent for 320 s" in ended.message
        told = find(ended, turn.action.id)
        assert told is not None
        assert told.action.state is ActionState.FAILED


async def test_a_machine_that_goes_in_circles_is_stopped(store: Store, clock: Clock) -> None:
    """After so many netboots without a success the workflow fails and the machine is told why, until an
    operator goes on; a success in between lets it count anew."""
    async with patient(store, clock, Patience(netboot_limit=2)) as tink:
        await tink.resources.apply(files("{name: a, image: i}\n{name: b, image: i}"))

        async def boot() -> str:
            await netboot(tink, MAC)
            found = await tink.machines.find(MAC)
            assert found is not None
            return found.stopped

        assert [await boot() for _ in range(2)] == ["", ""]
        await tell(tink, await ask(tink), ActionState.SUCCESS)
        off = Netboot(MAC, "10.0.0.1", {})
        await tink.machines.netbooted(off, lambda _: Answered("disk"))  # that is no netboot
        assert [await boot() for _ in range(2)] == ["", ""]
        turn = await ask(tink)
        await tell(tink, turn, ActionState.RUNNING)
        reason = await boot()
        assert reason.startswith("workflow default/install-m1: the machine netbooted 2 times")
        ended = await stored(tink)
        assert (ended.state, ended.cause) == (State.FAILED, Cause.LOOP)
        assert ended.tasks[0].actions[1].state is ActionState.FAILED
        await tink.operations.retry(REF)
        assert [await boot() for _ in range(2)] == ["", ""]
        await tell(tink, await ask(tink), ActionState.SUCCESS)
        found = await tink.machines.find(MAC)
        assert found is not None
        assert found.stopped == ""
