"""A server that is killed at any moment loses nothing that it acknowledged."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from google.protobuf.message import Message

from osie.contracts import tink_pb2
from osie.tink.domain.resources import Kind, Ref
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

from .conftest import MAC, TEMPLATE, manifests

ACTIONS = 12


def many_actions() -> list[tuple[str, str]]:
    """A workflow of ACTIONS actions."""
    head, _ = TEMPLATE.split("          - name: write")
    actions = "".join(f"          - {{name: step-{n}, image: i}}\n" for n in range(ACTIONS))
    hardware, _, workflow = manifests()
    return [hardware, ("template.yaml", head + actions), workflow]


@asynccontextmanager
async def server(url: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server process, killed at the block's end if it still lives."""
    script = Path(__file__).with_name("server.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, url, str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


class Acknowledged:
    """The reports that a server answered for."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._news = asyncio.Condition()

    async def add(self, report: str) -> None:
        """One more."""
        async with self._news:
            self.told.append(report)
            self._news.notify_all()

    async def reach(self, count: int) -> None:
        """Wait until there are so many."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.told) >= count)


async def agent(port: int, acknowledged: Acknowledged) -> None:
    """A worker: runs every action, retries what was not answered, and notes what was."""
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{port}",
        [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)],
    ) as channel:

        async def call(method: str, request: object, reply: type[Message]) -> object:
            stub = channel.unary_unary(
                f"/proto.WorkflowService/{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=reply.FromString,
            )
            while True:
                try:
                    return await stub(request, wait_for_ready=True, timeout=60)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise

        while len(acknowledged.told) < 2 * ACTIONS:
            action = await call("GetAction", tink_pb2.ActionRequest(agent_id=MAC), tink_pb2.ActionResponse)
            assert isinstance(action, tink_pb2.ActionResponse)
            for state in (tink_pb2.ACTION_STATE_RUNNING, tink_pb2.ACTION_STATE_SUCCESS):
                report = tink_pb2.ActionStatusRequest(
                    workflow_id=action.workflow_id,
                    agent_id=MAC,
                    action_id=action.action_id,
                    action_state=state,
                )
                await call("ReportActionStatus", report, tink_pb2.ActionStatusResponse)
                await acknowledged.add(f"{action.name} {tink_pb2.ActionState.Name(state)[13:]}")


async def test_sigkill_in_the_middle_loses_nothing(url: str) -> None:
    """Killed three times while an agent works: every acknowledged report is in the store, once, in order."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = await Store.open(url)
    await Tink(store).resources.apply(many_actions())
    acknowledged = Acknowledged()
    working = asyncio.create_task(agent(port, acknowledged))
    for kill_after in (3, 11, 17):
        async with server(url, port), asyncio.timeout(60):
            await acknowledged.reach(kill_after)
    async with server(url, port), asyncio.timeout(60):
        await working
    queries, ref = Queries(store), Ref(Kind.WORKFLOW, "default", "install-m1")
    workflow = await queries.workflow(ref)
    events = await queries.events(workflow, 0, 1000)
    await store.close()
    assert workflow.state == "SUCCESS"
    told = [f"{event['action']} {event['to']}" for event in events if event["action"]]
    assert told == [f"step-{n} {state}" for n in range(ACTIONS) for state in ("RUNNING", "SUCCESS")]
    assert acknowledged.told == told
