"""The older generation of the protocol over a real wire, as tink's workers up to v0.12 speak it."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from osie.contracts import tink_older_pb2 as older
from osie.core.errors import OsieError
from osie.tink.domain.resources import Kind, Ref
from osie.tink.grpc import older_service
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink

from .conftest import MAC, OTHER_MAC, TEMPLATE, Clock, manifests

SERVICE = "/proto.WorkflowService"
INSTALL = Ref(Kind.WORKFLOW, "default", "install-m1")


class Worker:
    """Asks and reports as the older worker does."""

    def __init__(self, channel: grpc.aio.Channel, worker_id: str = MAC) -> None:
        self._channel = channel
        self.worker_id = worker_id

    async def contexts(self) -> list[older.WorkflowContext]:
        """What it could work on."""
        call = self._channel.unary_stream(
            f"{SERVICE}/GetWorkflowContexts",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=older.WorkflowContext.FromString,
        )
        return [context async for context in call(older.WorkflowContextRequest(worker_id=self.worker_id))]

    async def call(self, method: str, request: Any, reply: type[Message]) -> Any:
        """One message for one; a refusal comes back as its status."""
        call = self._channel.unary_unary(
            f"{SERVICE}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply.FromString,
        )
        try:
            return await call(request, timeout=20)
        except grpc.aio.AioRpcError as error:
            return error.code()

    async def actions(self, workflow_id: str) -> Any:
        """The list of actions, or the status of the refusal."""
        request = older.WorkflowActionsRequest(workflow_id=workflow_id)
        told = await self.call("GetWorkflowActions", request, older.WorkflowActionList)
        return list(told.action_list) if isinstance(told, older.WorkflowActionList) else told

    async def report(self, context: older.WorkflowContext, state: older.State, message: str = "") -> Any:
        """Say what became of the context's action."""
        request = older.WorkflowActionStatus(
            workflow_id=context.workflow_id,
            task_name=context.current_task,
            action_name=context.current_action,
            action_status=state,
            seconds=0 if state == older.STATE_RUNNING else 3,
            message=message,
            worker_id=self.worker_id,
        )
        return await self.call("ReportActionStatus", request, older.Empty)

    async def work(self, context: older.WorkflowContext, state: older.State) -> None:
        """Run the context's action to this end."""
        assert await self.report(context, older.STATE_RUNNING) == older.Empty()
        assert await self.report(context, state) == older.Empty()


@pytest.fixture
async def channel(tink: Tink) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to a server on a port of its own."""
    async with (
        older_service.serve(tink.agents, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


@pytest.fixture
def worker(channel: grpc.aio.Channel) -> Worker:
    """The worker of the first machine."""
    return Worker(channel)


def with_actions(*actions: str) -> list[tuple[str, str]]:
    """The files, with these actions in the template."""
    head, _ = TEMPLATE.split("          - name: write")
    hardware, _, workflow = manifests()
    lines = "".join(f"          - {action}\n" for action in actions)
    return [hardware, ("template.yaml", head + lines), workflow]


async def test_one_action_after_the_other(tink: Tink, worker: Worker) -> None:
    """The list is the one action whose turn it is, as the config wants it; the last report ends it."""
    assert await worker.contexts() == []
    await tink.resources.apply(with_actions("{name: write, image: quay.io/actions/image2disk, timeout: 60,"
                                            " pid: private, namespaces: {pid: host}, command: [a, b],"
                                            " environment: {DISK: /dev/vda}}",
                                            "{name: rest, image: i}"))  # fmt: skip
    [context] = await worker.contexts()
    assert (context.workflow_id, context.current_worker) == ("default/install-m1", MAC)
    assert (context.current_task, context.current_action) == ("install", "write")
    assert (context.current_action_index, context.total_number_of_actions) == (0, 1)
    assert context.current_action_state == older.STATE_PENDING
    [action] = await worker.actions(context.workflow_id)
    assert action == older.WorkflowAction(
        task_name="install",
        name="write",
        image="registry.local:5000/osie/image2disk",
        timeout=60,
        command=["a", "b"],
        worker_id=MAC,
        environment=["DISK=/dev/vda"],
        pid="host",
    )
    await worker.report(context, older.STATE_RUNNING)
    [context] = await worker.contexts()
    assert context.current_action_state == older.STATE_RUNNING  # a worker that lost track runs it again
    await worker.report(context, older.STATE_SUCCESS)
    [context] = await worker.contexts()
    [action] = await worker.actions(context.workflow_id)
    assert (action.name, action.timeout > 10**8) == ("rest", True)  # its own default would be an hour
    await worker.work(context, older.STATE_SUCCESS)
    assert await worker.contexts() == []
    shown = await Queries(tink.store).resource(INSTALL)
    assert shown["status"]["state"] == "SUCCESS"


async def test_a_repeated_report_is_not_the_next_attempts(tink: Tink, worker: Worker, clock: Clock) -> None:
    """Names are those of every attempt: the end of the first, told twice, doesn't end the second."""
    await tink.resources.apply(with_actions("{name: write, image: i, retries: 1, retry-backoff: 5}"))
    [first] = await worker.contexts()
    await worker.work(first, older.STATE_FAILED)
    assert await worker.report(first, older.STATE_FAILED) == older.Empty()
    assert await worker.contexts() == []  # not before the pause is over
    clock.at += 6
    [second] = await worker.contexts()
    assert second.current_action_state == older.STATE_PENDING
    await worker.work(second, older.STATE_SUCCESS)
    assert (await Queries(tink.store).workflow(INSTALL)).state == "SUCCESS"


async def test_hooks_are_handed_out_as_actions(tink: Tink, worker: Worker) -> None:
    """What the worker itself would run on a failure is the server's to hand out, once."""
    await tink.resources.apply(with_actions("{name: write, image: i, on-failure: [tell, me]}"))
    [context] = await worker.contexts()
    [action] = await worker.actions(context.workflow_id)
    assert not action.on_failure
    await worker.work(context, older.STATE_FAILED)
    [context] = await worker.contexts()
    [hook] = await worker.actions(context.workflow_id)
    assert (hook.name, list(hook.command)) == ("write.on-failure", ["tell", "me"])
    await worker.work(context, older.STATE_SUCCESS)
    assert (await Queries(tink.store).workflow(INSTALL)).state == "FAILED"


async def test_what_came_too_late_is_taken(tink: Tink, worker: Worker) -> None:
    """A worker repeats a report for ever until it is taken: one on what is gone must not hold it up."""
    await tink.resources.apply(manifests())
    [context] = await worker.contexts()
    await worker.report(context, older.STATE_RUNNING)
    await tink.resources.delete(INSTALL, force=True)
    assert await worker.report(context, older.STATE_SUCCESS) == older.Empty()
    assert await worker.contexts() == []


async def test_what_is_refused(tink: Tink, worker: Worker, channel: grpc.aio.Channel) -> None:
    """Another machine's action, a state that says nothing, a list before its context, an empty id."""
    await tink.resources.apply(manifests())
    [context] = await worker.contexts()
    other = Worker(channel, OTHER_MAC)
    assert await other.report(context, older.STATE_RUNNING) is grpc.StatusCode.PERMISSION_DENIED
    assert await worker.report(context, older.STATE_PENDING) is grpc.StatusCode.INVALID_ARGUMENT
    assert await worker.actions("default/other") is grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Worker(channel, "").contexts()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_taken_port_is_told(tink: Tink) -> None:
    """The error names the address."""
    async with older_service.serve(tink.agents, "127.0.0.1:0") as port:
        with pytest.raises(OsieError, match=str(port)):
            async with older_service.serve(tink.agents, f"127.0.0.1:{port}"):
                pass
