"""Reports that come twice, late, in another order, too large, or from the wrong machine."""

import asyncio
import random

import grpc
import pytest

from bench.soak_work import told
from osie.contracts import telemetry_pb2, tink_pb2
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.steps import NotYoursError, OutOfTurnError
from osie.tink.domain.workflow import ActionState, Workflow
from osie.tink.grpc import agent_service
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store import workflow_rows
from osie.tink.store.workflow_rows import LogLine

from .conftest import MAC, OTHER_MAC, TEMPLATE, Clock, manifests

MACHINES = 10


async def named(tink: Tink, name: str) -> Workflow:
    """A workflow of the default namespace."""
    return await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", name))


async def test_twice_late_and_out_of_order(tink: Tink) -> None:
    """Whatever order copies of a machine's reports arrive in, several at once: each change happens once.

    The worker repeats a report until it is taken, which is how each machine's story ends here.
    """
    macs = {f"m{n}": f"52:54:00:00:02:{n:02x}" for n in range(MACHINES)}
    files = [manifests()[1]]
    for number, (name, mac) in enumerate(macs.items()):
        hardware, _, workflow = manifests(name, mac, f"10.0.2.{number}")
        files += [hardware, workflow]
    await tink.resources.apply(files)

    async def machine(name: str, mac: str, chance: random.Random) -> None:
        actions = (await named(tink, f"install-{name}")).tasks[0].actions
        states = (ActionState.RUNNING, ActionState.SUCCESS)
        story = [(action.id, state) for action in actions for state in states]

        async def deliver(action_id: str, state: ActionState) -> None:
            await tink.agents.report(f"default/install-{name}", mac, action_id, state)

        copies = 3 * story
        chance.shuffle(copies)
        for start in range(0, len(copies), 4):
            batch = [deliver(*report) for report in copies[start : start + 4]]
            for outcome in await asyncio.gather(*batch, return_exceptions=True):
                assert outcome is None or isinstance(outcome, OutOfTurnError)
        for action_id, state in story:
            if state is not ActionState.RUNNING:  # that a run begins which is over is never taken
                await deliver(action_id, state)

    await asyncio.gather(*(machine(*item, random.Random(n)) for n, item in enumerate(macs.items())))
    for ended, events in (await told(tink.store)).values():
        assert ended.state == "SUCCESS"
        changes = [(event["action"], event["before"], event["after"]) for event in events if event["action"]]
        assert changes == [
            (name, *change)
            for name in ("write", "restart")
            for change in (("PENDING", "RUNNING"), ("RUNNING", "SUCCESS"))
        ]


async def test_a_report_of_an_earlier_attempt(tink: Tink, clock: Clock) -> None:
    """A failure that is told three times takes one attempt, and what is said of it later changes nothing."""
    hardware, (name, text), workflow = manifests()
    text = text.replace("timeout: 60", "timeout: 60\n            retries: 1")
    await tink.resources.apply([hardware, (name, text), workflow])
    _, first = await tink.agents.get_action(MAC)

    async def tell(action_id: str, state: ActionState) -> None:
        await tink.agents.report("default/install-m1", MAC, action_id, state)

    await asyncio.gather(*(tell(first.action.id, ActionState.FAILED) for _ in range(3)))
    clock.at += 10
    _, second = await tink.agents.get_action(MAC)
    assert (second.action.name, second.action.attempt) == ("write", 2)
    assert second.action.id != first.action.id
    for late in (ActionState.RUNNING, ActionState.SUCCESS, ActionState.FAILED):
        before = await named(tink, "install-m1")
        if late is ActionState.RUNNING:  # a container would begin
            with pytest.raises(OutOfTurnError):
                await tell(first.action.id, late)
        else:
            await tell(first.action.id, late)
        assert await named(tink, "install-m1") == before
    await tell(second.action.id, ActionState.SUCCESS)
    await tell(first.action.id, ActionState.FAILED)
    after = await named(tink, "install-m1")
    assert (after.state, after.tasks[0].actions[0].state) == ("RUNNING", "SUCCESS")


async def test_another_machines_workflow(tink: Tink) -> None:
    """Whatever a machine says of another's action is refused, and leaves no trace."""
    hardware, _, workflow = manifests("m2", OTHER_MAC, "10.0.0.2")
    await tink.resources.apply([*manifests(), hardware, workflow])
    _, turn = await tink.agents.get_action(MAC)
    await tink.agents.report("default/install-m1", MAC, turn.action.id, ActionState.RUNNING)
    before = await told(tink.store)
    what = ("default/install-m1", OTHER_MAC, turn.action.id)
    progress = {"phase": "p", "done": 1, "total": 2, "unit": "bytes", "rate_per_s": 1.0, "eta_s": None}
    for saying in (
        tink.agents.report(*what, ActionState.SUCCESS),
        tink.agents.report(*what, ActionState.FAILED, message="not mine"),
        tink.agents.progress(*what, progress),
        tink.agents.logs(*what, [LogLine(1, 1.0, "stdout", "not mine")]),
        tink.agents.heartbeat(*what),
    ):
        with pytest.raises(NotYoursError):
            await saying
    assert await told(tink.store) == before
    victim = await named(tink, "install-m1")
    assert await Queries(tink.store).logs(victim, None, 0, 9) == []


async def test_oversized_messages(tink: Tink) -> None:
    """gRPC: 4 MiB are refused with RESOURCE_EXHAUSTED; what is smaller is stored as far as the bounds go."""
    await tink.resources.apply(manifests())
    _, turn = await tink.agents.get_action(MAC)
    which = telemetry_pb2.ActionRef(workflow_id="default/install-m1", agent_id=MAC, action_id=turn.action.id)
    long = telemetry_pb2.LogLine(sequence=1, at_unix_s=1, stream="stdout", text="x" * 2**20)
    short = [telemetry_pb2.LogLine(sequence=2 + n) for n in range(3 * workflow_rows.LOG_LINES)]
    failed = tink_pb2.ActionStatusRequest(
        workflow_id="default/install-m1",
        agent_id=MAC,
        action_id=turn.action.id,
        action_state=tink_pb2.ACTION_STATE_FAILED,
        message=tink_pb2.ActionMessage(message="x" * 2**20 + "the end"),
    )
    async with (
        agent_service.serve(tink.agents, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):

        async def status(path: str, request: bytes) -> grpc.StatusCode:
            return await channel.unary_unary(path, bytes, bytes)(request, timeout=60).code()

        logs, report = "/osie.v1.Telemetry/ReportLogs", "/proto.WorkflowService/ReportActionStatus"
        huge = telemetry_pb2.LogReport(action=which, lines=5 * [long]).SerializeToString()
        assert await status(logs, huge) is grpc.StatusCode.RESOURCE_EXHAUSTED
        for lines in ([long], short):
            request = telemetry_pb2.LogReport(action=which, lines=lines).SerializeToString()
            assert await status(logs, request) is grpc.StatusCode.OK
        assert await status(report, failed.SerializeToString()) is grpc.StatusCode.OK
    workflow = await named(tink, "install-m1")
    assert workflow.tasks[0].actions[0].message.endswith("the end")
    assert len(workflow.tasks[0].actions[0].message) < 20_000
    kept = await Queries(tink.store).logs(workflow, "write", 0, 10**6)
    assert len(kept) == workflow_rows.LOG_LINES
    assert kept[-1]["sequence"] == 1 + len(short)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_condition_without_end(tink: Tink) -> None:
    """It is stopped, and its action fails with that; nobody else waits for it."""
    pipeline, why = 'repeat 1000000000 "x"', "it takes more memory than a template may"
    hardware, (name, text), workflow = manifests()
    text = text.replace("timeout: 60", f"timeout: 60\n            if: '{pipeline}'")
    other = manifests("m2", OTHER_MAC, "10.0.0.2")
    plain = other[2][1].replace("templateRef: install", "templateRef: plain")
    template = TEMPLATE.replace("name: install}", "name: plain}")
    await tink.resources.apply([hardware, (name, text), workflow, other[0], ("t", template), ("w", plain)])
    asking = asyncio.create_task(tink.agents.get_action(MAC))
    _, turn = await tink.agents.get_action(OTHER_MAC)
    assert turn.action.name == "write"
    with pytest.raises(Exception, match="no workflow"):
        await asking
    ended = await named(tink, "install-m1")
    assert ended.state == "FAILED"
    assert why in ended.message
