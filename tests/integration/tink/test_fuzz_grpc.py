"""Random bytes and random messages on the gRPC services: each is answered with a status that says why."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from osie.contracts import telemetry_pb2, tink_pb2
from osie.tink.domain.resources import Kind, Ref
from osie.tink.grpc import agent_service
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink

from .conftest import MAC, OTHER_MAC, manifests
from .random_protobuf import messages

SERVICES = [
    *tink_pb2.DESCRIPTOR.services_by_name.values(),
    *telemetry_pb2.DESCRIPTOR.services_by_name.values(),
]
CALLS = {
    f"/{service.full_name}/{method.name}": method.input_type
    for service in SERVICES
    for method in service.methods
}
# What a client can have caused. INTERNAL, UNKNOWN or UNAVAILABLE would be our fault, or blame the store.
THEIR_FAULT = {
    grpc.StatusCode.OK,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
}
# The same requests in every run: a failure here is a failure everywhere. 200 for each call on each database.
fuzzed = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def port(tink: Tink) -> AsyncIterator[int]:
    """Of a server that has the workflows of two machines."""
    await tink.resources.apply([*manifests(), *(manifests("m2", OTHER_MAC, "10.0.0.2")[i] for i in (0, 2))])
    async with agent_service.serve(tink.agents, "127.0.0.1:0") as listening:
        yield listening


def status(channel: grpc.Channel, path: str, request: bytes) -> grpc.StatusCode:
    """How a call of these bytes ends."""
    try:
        channel.unary_unary(path, bytes, bytes)(request, timeout=20)
    except grpc.RpcError as error:
        assert isinstance(error, grpc.Call)
        return error.code()
    return grpc.StatusCode.OK


async def known(tink: Tink) -> dict[str, list[str]]:
    """Ids that there are: without them nearly every request would end at the first look-up."""
    workflow = await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", "install-m1"))
    return {
        "workflow_id": ["default/install-m1", "install-m1", "default/install-m2"],
        "agent_id": [MAC, OTHER_MAC, MAC.upper().replace(":", "-")],
        "task_id": [task.id for task in workflow.tasks],
        "action_id": [action.id for task in workflow.tasks for action in task.actions],
    }


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # long texts are what is wanted
@pytest.mark.parametrize("path", CALLS)
async def test_random_requests(path: str, tink: Tink, port: int) -> None:
    """A quarter of them no protobuf at all, the others messages of the right type with any values."""
    forms = messages(CALLS[path], await known(tink)).map(lambda message: message.SerializeToString())
    told: set[grpc.StatusCode] = set()

    def fuzz() -> None:  # in a thread: Hypothesis calls ordinary functions, and the server is in our loop
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

            @fuzzed
            @given(request=st.one_of(st.binary(max_size=200), forms, forms, forms))
            def send(request: bytes) -> None:
                code = status(channel, path, request)
                assert code in THEIR_FAULT
                told.add(code)

            send()
            sound = tink_pb2.ActionRequest(agent_id=OTHER_MAC).SerializeToString()
            assert status(channel, "/proto.WorkflowService/GetAction", sound) is grpc.StatusCode.OK

    await asyncio.to_thread(fuzz)
    # They went deep: some were refused before the store was asked, and some were not.
    assert grpc.StatusCode.INVALID_ARGUMENT in told
    assert told - {grpc.StatusCode.INVALID_ARGUMENT}
