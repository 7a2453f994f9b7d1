"""The gRPC services over a real wire, as an agent speaks to them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from osie.contracts import telemetry_pb2, tink_pb2
from osie.core.errors import OsieError
from osie.tink.domain.resources import Kind, Ref
from osie.tink.grpc import agent_service
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store import workflow_rows
from osie.tink.store.list_rows import WantedWorkflows

from .conftest import MAC, OTHER_MAC, manifests

REPLIES: dict[str, type[Message]] = {
    "GetAction": tink_pb2.ActionResponse,
    "ReportActionStatus": tink_pb2.ActionStatusResponse,
    "ReportProgress": telemetry_pb2.TelemetryReply,
    "ReportLogs": telemetry_pb2.TelemetryReply,
    "Heartbeat": telemetry_pb2.HeartbeatReply,
}


class Agent:
    """Calls by name; a refusal comes back as its status."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def __call__(self, method: str, request: Message) -> Any:
        ours = {"ReportProgress", "ReportLogs", "Heartbeat"}
        service = "osie.v1.Telemetry" if method in ours else "proto.WorkflowService"
        call = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=REPLIES[method].FromString,
        )
        try:
            return await call(request, timeout=20)
        except grpc.aio.AioRpcError as error:
            return error.code()


@pytest.fixture
async def agent(tink: Tink) -> AsyncIterator[Agent]:
    """A client of a server on a port of its own."""
    async with (
        agent_service.serve(tink.agents, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Agent(channel)


def ask(agent_id: str = MAC, boot_id: str = "") -> tink_pb2.ActionRequest:
    """What an agent asks with."""
    return tink_pb2.ActionRequest(agent_id=agent_id, boot_id=boot_id)


def told(
    action: tink_pb2.ActionResponse, state: tink_pb2.ActionState, agent_id: str = MAC, message: str = ""
) -> tink_pb2.ActionStatusRequest:
    """A report."""
    return tink_pb2.ActionStatusRequest(
        workflow_id=action.workflow_id,
        agent_id=agent_id,
        task_id=action.task_id,
        action_id=action.action_id,
        action_state=state,
        execution_duration="1.5s",
        message=tink_pb2.ActionMessage(message=message),
    )


async def test_a_workflow_end_to_end(tink: Tink, agent: Agent) -> None:
    """An agent runs a workflow, tells progress and logs on the way, and is then told of no more work."""
    assert await agent("GetAction", ask()) is grpc.StatusCode.NOT_FOUND
    await tink.resources.apply(manifests())
    action = await agent("GetAction", ask())
    assert (action.name, action.timeout, list(action.environment)) == ("write", 60, ["DISK=/dev/vda"])
    assert await agent("ReportActionStatus", told(action, tink_pb2.ACTION_STATE_RUNNING)) is not None
    which = telemetry_pb2.ActionRef(workflow_id=action.workflow_id, agent_id=MAC, action_id=action.action_id)
    for done in (5, 2**64 - 1):
        progress = telemetry_pb2.ProgressReport(
            action=which, phase="write", done=done, total=10, unit="bytes", rate_per_s=float("nan")
        )
        await agent("ReportProgress", progress)
    lines = [telemetry_pb2.LogLine(sequence=n, at_unix_s=n, stream="stdout", text=f"l{n}\0") for n in (1, 2)]
    for _ in range(2):
        await agent("ReportLogs", telemetry_pb2.LogReport(action=which, lines=lines))
    ref = Ref(Kind.WORKFLOW, "default", "install-m1")
    status = (await Queries(tink.store).resource(ref))["status"]
    assert status["currentAction"]["progress"]["done"] == 2**63 - 1
    assert status["currentAction"]["progress"]["rate_per_s"] == 0.0
    await agent(
        "ReportActionStatus", told(action, tink_pb2.ACTION_STATE_SUCCESS, message="exit code 0 in 1.5s")
    )
    restart = await agent("GetAction", ask())
    await agent("ReportActionStatus", told(restart, tink_pb2.ACTION_STATE_SUCCESS))
    assert await agent("GetAction", ask()) is grpc.StatusCode.NOT_FOUND
    status = (await Queries(tink.store).resource(ref))["status"]
    assert (status["state"], status["currentAction"]) == ("SUCCESS", None)
    write = status["tasks"][0]["actions"][0]
    assert (write["executionDuration"], write["message"]) == ("1.5s", "exit code 0 in 1.5s")
    workflow = await Queries(tink.store).workflow(ref)
    assert [line["sequence"] for line in await Queries(tink.store).logs(workflow, "write", 0, 9)] == [1, 2]


@pytest.mark.parametrize(
    ("boot_id", "other"),
    [
        ("6f1c0a52", "e0b7d3c4"),
        ("6f1c0a52", ""),  # an agent that doesn't know of boots
        ("x" * 64, "x" * 65),  # too long to be one
        ("nul\0", "nul"),
    ],
)
async def test_a_reboot_whose_worker_died(tink: Tink, agent: Agent, boot_id: str, other: str) -> None:
    """Within its boot it is handed out again, before it was begun and after; done in another one."""
    await tink.resources.apply(manifests())
    write = await agent("GetAction", ask(boot_id=boot_id))
    await agent("ReportActionStatus", told(write, tink_pb2.ACTION_STATE_SUCCESS))
    restart = await agent("GetAction", ask(boot_id=other))  # which was switched off
    assert restart.name == "restart"
    assert await agent("GetAction", ask(boot_id=boot_id)) == restart
    await agent("ReportActionStatus", told(restart, tink_pb2.ACTION_STATE_RUNNING))
    assert await agent("GetAction", ask(boot_id=boot_id)) == restart
    ref = Ref(Kind.WORKFLOW, "default", "install-m1")
    assert (await Queries(tink.store).workflow(ref)).state == "RUNNING"
    assert await agent("GetAction", ask(boot_id=other)) is grpc.StatusCode.NOT_FOUND
    assert (await Queries(tink.store).workflow(ref)).state == "SUCCESS"


@pytest.mark.parametrize("boot_id", ["", "x" * 65])
async def test_a_reboot_whose_boot_is_not_known(tink: Tink, agent: Agent, boot_id: str) -> None:
    """That its agent asks again is taken for its success."""
    await tink.resources.apply(manifests())
    await agent("ReportActionStatus", told(await agent("GetAction", ask()), tink_pb2.ACTION_STATE_SUCCESS))
    restart = await agent("GetAction", ask(boot_id=boot_id))
    await agent("ReportActionStatus", told(restart, tink_pb2.ACTION_STATE_RUNNING))
    assert await agent("GetAction", ask(boot_id=boot_id)) is grpc.StatusCode.NOT_FOUND


async def test_a_heartbeat_tells_what_is_over(tink: Tink, agent: Agent) -> None:
    """A running action goes on; one that was cancelled, or whose workflow is gone, is to be given up."""
    await tink.resources.apply(manifests())
    action = await agent("GetAction", ask())
    await agent("ReportActionStatus", told(action, tink_pb2.ACTION_STATE_RUNNING))
    ref = telemetry_pb2.ActionRef(workflow_id=action.workflow_id, agent_id=MAC, action_id=action.action_id)
    beat = telemetry_pb2.HeartbeatRequest(action=ref)
    assert await agent("Heartbeat", beat) == telemetry_pb2.HeartbeatReply()
    await tink.operations.cancel(Ref(Kind.WORKFLOW, "default", "install-m1"), who="operator alice")
    answer = await agent("Heartbeat", beat)
    assert answer.stop
    assert "cancelled" in answer.why
    ref.workflow_id = "default/none"
    assert (await agent("Heartbeat", telemetry_pb2.HeartbeatRequest(action=ref))).stop
    assert (await agent("GetAction", ask())) is grpc.StatusCode.NOT_FOUND


async def test_refusals_are_statuses(tink: Tink, agent: Agent) -> None:
    """What can't be is told with the status that says why; nothing ends in an unknown error."""
    await tink.resources.apply([*manifests(), *(manifests("m2", OTHER_MAC, "10.0.0.2")[i] for i in (0, 2))])
    action = await agent("GetAction", ask())
    success = tink_pb2.ACTION_STATE_SUCCESS
    wrong = told(action, success)
    wrong.action_id = "unknown"
    strange = told(action, success)
    strange.workflow_id = "default/a\0b"
    nowhere = told(action, success)
    nowhere.workflow_id = "default/none"
    ref = telemetry_pb2.ActionRef(
        workflow_id=action.workflow_id, agent_id=OTHER_MAC, action_id=action.action_id
    )
    for method, request, status in [
        ("ReportActionStatus", wrong, grpc.StatusCode.NOT_FOUND),
        ("ReportActionStatus", nowhere, grpc.StatusCode.NOT_FOUND),
        ("ReportActionStatus", told(action, success, OTHER_MAC), grpc.StatusCode.PERMISSION_DENIED),
        (
            "ReportActionStatus",
            told(action, tink_pb2.ACTION_STATE_UNSPECIFIED),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        ("ReportActionStatus", tink_pb2.ActionStatusRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        ("ReportProgress", telemetry_pb2.ProgressReport(action=ref), grpc.StatusCode.PERMISSION_DENIED),
        ("ReportLogs", telemetry_pb2.LogReport(action=ref), grpc.StatusCode.PERMISSION_DENIED),
        ("Heartbeat", telemetry_pb2.HeartbeatRequest(action=ref), grpc.StatusCode.PERMISSION_DENIED),
        ("GetAction", ask(""), grpc.StatusCode.INVALID_ARGUMENT),
        ("GetAction", ask("x" * 300), grpc.StatusCode.INVALID_ARGUMENT),
        ("GetAction", ask("not-a-mac"), grpc.StatusCode.NOT_FOUND),
    ]:
        assert await agent(method, request) is status, (method, request)
    refused = {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.INVALID_ARGUMENT,
    }  # SQLite compares what PostgreSQL can't
    assert await agent("ReportActionStatus", strange) in refused


async def test_a_fleet_at_once(tink: Tink, agent: Agent) -> None:
    """Twelve machines that ask and report at the same time all finish, each with its own workflow."""
    macs = {f"f{n}": f"52:54:00:00:01:{n:02x}" for n in range(12)}
    files = [("template.yaml", manifests()[1][1])]
    for number, (name, mac) in enumerate(macs.items()):
        files += [manifests(name, mac, f"10.0.1.{number}")[i] for i in (0, 2)]
    await tink.resources.apply(files)

    async def work(name: str, mac: str) -> None:
        for _ in range(2):
            action = await agent("GetAction", ask(mac))
            assert action.workflow_id == f"default/install-{name}"
            for state in (tink_pb2.ACTION_STATE_RUNNING, tink_pb2.ACTION_STATE_SUCCESS):
                reply = await agent("ReportActionStatus", told(action, state, mac))
                assert isinstance(reply, tink_pb2.ActionStatusResponse)

    await asyncio.gather(*(work(name, mac) for name, mac in macs.items()))
    page = await Queries(tink.store).workflows(WantedWorkflows(), ("", ""), 99)
    assert {item["status"]["state"] for item in page.items} == {"SUCCESS"}


async def test_a_taken_port_is_told(tink: Tink) -> None:
    """A port that is taken is an error that names it, even where the other would share it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OsieError, match=str(port)) as caught:
            async with agent_service.serve(tink.agents, f"127.0.0.1:{port}"):
                pass
        assert str(port) in caught.value.hint


async def test_a_call_that_its_agent_gave_up_ends_in_the_store(tink: Tink, agent: Agent) -> None:
    """What was begun for an agent that hangs up is finished: else a busy store would only grow busier."""
    await tink.resources.apply(manifests())
    action = await agent("GetAction", ask())
    async with tink.store.write() as connection:
        await workflow_rows.get(connection, "default", "install-m1", lock=True)
        call = asyncio.create_task(agent("ReportActionStatus", told(action, tink_pb2.ACTION_STATE_RUNNING)))
        while not tink.agents.limiter.at_work:  # noqa: ASYNC110 - nobody tells a test of it
            await asyncio.sleep(0.01)
        call.cancel()
        other = telemetry_pb2.ActionRef(workflow_id=action.workflow_id, agent_id=MAC, action_id="no")
        beat = telemetry_pb2.HeartbeatRequest(action=other)
        assert (await agent("Heartbeat", beat)).stop  # behind the cancellation, on the same connection
        assert call.cancelled()
    await tink.agents.limiter.close()
    status = (await Queries(tink.store).resource(Ref(Kind.WORKFLOW, "default", "install-m1")))["status"]
    assert status["state"] == "RUNNING"
