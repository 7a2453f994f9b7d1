"""The worker's source and sink find out which generation of the protocol a server speaks: both of ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from osie.contracts import tink_pb2
from osie.tink.domain.resources import Kind, Ref
from osie.tink.grpc import agent_service, older_service
from osie.tink.grpc.calls import listening
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.worker.action import OLDER, Action, Refused, Report, Run, State, Unreachable
from osie.worker.transport.generations import Generations
from osie.worker.transport.grpc import Unspoken
from osie.worker.transport.link import Link

from .conftest import MAC, manifests

SERVERS = {"agent": agent_service, "older": older_service}


@asynccontextmanager
async def worker(port: int, boot_id: str = "") -> AsyncIterator[Generations]:
    """The worker's side of a connection."""
    link = Link("127.0.0.1", port, None)
    try:
        yield Generations(link, MAC, tink_pb2.AgentAttributes, boot_id)
    finally:
        link.close()


async def ask(worker: Generations) -> Action | None:
    """What the worker is told, once it knows how to ask."""
    try:
        return await worker.next()
    except Unspoken:
        return await worker.next()


@pytest.mark.parametrize("generation", SERVERS)
async def test_a_workflow_of_either_generation(tink: Tink, generation: str) -> None:
    """Asked for, reported on and ended; what is told twice is taken."""
    async with SERVERS[generation].serve(tink.agents, "127.0.0.1:0") as port, worker(port) as worker_:
        assert await ask(worker_) is None
        await tink.resources.apply(manifests())
        for name in ("write", "restart"):
            action = await worker_.next()
            assert action is not None
            assert (action.name, action.agent_id) == (name, MAC)
            assert action.action_id.startswith(OLDER) == (generation == "older")
            run = Run(action, 1000.0)
            await worker_.write(Report(run, State.RUNNING))
            for _ in range(2):
                await worker_.write(Report(run, State.SUCCESS, "exit code 0", 1003.0))
        assert await worker_.next() is None
    workflow = await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", "install-m1"))
    assert workflow.state == "SUCCESS"
    assert {action.message for action in workflow.tasks[0].actions} == {"exit code 0"}


@pytest.mark.parametrize("generation", SERVERS)
async def test_a_worker_that_died_before_the_reboot(tink: Tink, generation: str) -> None:
    """It said that the reboot begins, and nothing else: the next worker is given it, unless rebooted."""
    await tink.resources.apply(manifests())
    async with SERVERS[generation].serve(tink.agents, "127.0.0.1:0") as port:
        async with worker(port, "first") as killed:
            write = await ask(killed)
            assert write is not None
            await killed.write(Report(Run(write, 1000.0), State.RUNNING))
            await killed.write(Report(Run(write, 1000.0), State.SUCCESS, "", 1001.0))
            restart = await killed.next()
            assert restart is not None
            await killed.write(Report(Run(restart, 1002.0), State.RUNNING))
        async with worker(port, "first") as following:
            assert await ask(following) == restart
        async with worker(port, "second") as rebooted:
            assert await ask(rebooted) is None
    workflow = await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", "install-m1"))
    assert workflow.state == "SUCCESS"


async def test_a_run_is_reported_in_its_own_generation(tink: Tink) -> None:
    """A worker that was restarted reports before it asks: what it took up says which generation it is of."""
    await tink.resources.apply(manifests())
    async with older_service.serve(tink.agents, "127.0.0.1:0") as port:
        async with worker(port) as before:
            action = await ask(before)
            assert action is not None
            await before.write(Report(Run(action, 1000.0), State.RUNNING))
        async with worker(port) as after:
            await after.write(Report(Run(action, 1000.0), State.SUCCESS, "done", 1001.0))
            following = await ask(after)
    assert following is not None
    assert following.name == "restart"


async def test_a_server_that_is_replaced(tink: Tink) -> None:
    """A server of the other generation in the same place is found out, too."""
    await tink.resources.apply(manifests())
    async with older_service.serve(tink.agents, "127.0.0.1:0") as port:
        link = Link("127.0.0.1", port, None)
        replaced = Generations(link, MAC, tink_pb2.AgentAttributes)
        assert await ask(replaced) is not None
    link.close()
    async with agent_service.serve(tink.agents, f"127.0.0.1:{port}"):
        action = await ask(replaced)
    link.close()
    assert action is not None
    assert not action.action_id.startswith(OLDER)


@pytest.mark.parametrize(
    ("words", "error"), [('Workflow.tinkerbell.org "w" not found', Refused), ("no leader", Unreachable)]
)
async def test_what_upstreams_server_says_of_a_deleted_workflow(words: str, error: type[Exception]) -> None:
    """INTERNAL, as of every fault of its own: only of what isn't there it is the last word."""

    async def refuse(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        await context.abort(grpc.StatusCode.INTERNAL, f"error reading from backend\nrpc error: {words}")

    calls = {"ReportActionStatus": grpc.unary_unary_rpc_method_handler(refuse)}
    handlers = (grpc.method_handlers_generic_handler("proto.WorkflowService", calls),)
    run = Run(Action("default/w", "t", MAC, "a", "write", "i"), 1000.0)
    async with listening(handlers, "127.0.0.1:0") as port, worker(port) as worker_:
        with pytest.raises(error):
            await worker_.write(Report(run, State.SUCCESS, "", 1001.0))
