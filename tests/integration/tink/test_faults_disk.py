"""A full disk under the store: what can't be kept is not acknowledged, and nothing that was kept is lost."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from small_disk import small_disk

from bench.soak_work import told
from osie.contracts import tink_pb2
from osie.tink.grpc import agent_service
from osie.tink.http import application
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

from .conftest import MAC, OTHER_MAC, manifests


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    with small_disk(tmp_path / "disk", 4) as place:
        yield place


@pytest.fixture
async def tink(disk: Path) -> AsyncIterator[Tink]:
    """The engine over a store on that disk."""
    store = await Store.open(f"sqlite+aiosqlite:///{disk / 'tink.db'}")
    async with Tink(store, tick_s=3600) as made:
        yield made
    await store.close()


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def report(action: tink_pb2.ActionResponse, state: tink_pb2.ActionState) -> bytes:
    """With a message that needs pages of its own."""
    return tink_pb2.ActionStatusRequest(
        workflow_id=action.workflow_id,
        agent_id=MAC,
        action_id=action.action_id,
        action_state=state,
        message=tink_pb2.ActionMessage(message="x" * 16_000),
    ).SerializeToString()


async def test_a_full_disk(tink: Tink, disk: Path) -> None:
    """Until there is room a report is UNAVAILABLE, an apply 503, and reading goes on; then both succeed."""
    await tink.resources.apply(manifests())
    async with (
        agent_service.serve(tink.agents, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(application.create(tink)), base_url="http://api"
        ) as api,
    ):

        async def status(request: bytes) -> grpc.StatusCode:
            call = channel.unary_unary("/proto.WorkflowService/ReportActionStatus", bytes, bytes)
            return await call(request, timeout=60).code()

        ask = channel.unary_unary(
            "/proto.WorkflowService/GetAction",
            lambda message: message.SerializeToString(),
            tink_pb2.ActionResponse.FromString,
        )
        action = await ask(tink_pb2.ActionRequest(agent_id=MAC), timeout=60)
        assert await status(report(action, tink_pb2.ACTION_STATE_RUNNING)) is grpc.StatusCode.OK
        before = await told(tink.store)

        ballast = fill(disk)
        failed = report(action, tink_pb2.ACTION_STATE_FAILED)
        assert await status(failed) is grpc.StatusCode.UNAVAILABLE
        hardware = manifests("m2", OTHER_MAC, "10.0.0.2")[0][1] + "  # " + 100_000 * "x" + "\n"
        text = hardware.replace("spec:", f"spec:\n  userData: {100_000 * 'x'}")
        body = {"files": [{"name": "hardware", "text": text}]}
        refused = await api.post("/api/v1/apply", json=body)
        assert (refused.status_code, refused.json()) == (503, {"detail": "the store does not answer"})
        assert (await api.get("/api/v1/workflows/install-m1")).json()["status"]["state"] == "RUNNING"
        assert await told(tink.store) == before

        ballast.unlink()
        assert await status(failed) is grpc.StatusCode.OK
        assert (await api.post("/api/v1/apply", json=body)).status_code == 200
        assert (await api.get("/api/v1/workflows/install-m1")).json()["status"]["state"] == "FAILED"
