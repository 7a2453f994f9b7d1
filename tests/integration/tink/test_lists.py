"""Lists as the server filters and pages them, and what a request may cost."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from osie.tink.http import application
from osie.tink.http.limits import Limits
from osie.tink.service.service import Tink
from osie.tink.store import journal
from osie.tink.store.workflow_rows import LogLine

from .conftest import MAC, TEMPLATE, manifests


@pytest.fixture
async def client(tink: Tink) -> AsyncIterator[httpx.AsyncClient]:
    """Four machines in two racks, with a workflow each; a fifth was only seen."""
    files = [("template.yaml", TEMPLATE)]
    for n in range(4):
        hardware, _, workflow = manifests(f"m{n}", f"52:54:00:00:02:0{n}", f"10.0.2.{n}")
        labels = f"labels: {{example.org/rack: '{n % 2}'{', gpu: yes' if n == 3 else ''}}}"
        files += [(hardware[0], hardware[1].replace("{name: ", "{" + labels + ", name: ")), workflow]
    await tink.resources.apply(files)
    await tink.machines.record("02:00:00:00:00:99", "discovered", {})
    transport = httpx.ASGITransport(application.create(tink))
    async with httpx.AsyncClient(transport=transport, base_url="http://osie/api/v1") as made:
        yield made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2, 3]),
        ("?labels=example.org/rack=1", [1, 3]),
        ("?labels=example.org/rack!=1", [0, 2]),
        ("?labels=gpu", [3]),
        ("?labels=!gpu,example.org/rack=1", [1]),
        ("?prefix=m2", [2]),
        ("?prefix=m_", []),
        ("?namespace=other", []),
    ],
)
async def test_hardware_is_selected(client: httpx.AsyncClient, query: str, found: list[int]) -> None:
    """By label, beginning of its name and namespace."""
    items = (await client.get(f"/hardware{query}")).json()["items"]
    assert [item["metadata"]["name"] for item in items] == [f"m{n}" for n in found]


async def test_workflows_and_machines_are_selected(client: httpx.AsyncClient) -> None:
    """Workflows by hardware and any of several states; machines by whether a Hardware has them."""

    async def count(path: str) -> int:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert await count("/workflows?hardware=m1") == 1
    assert await count("/workflows?state=FAILED&state=PENDING&prefix=install-m") == 4
    assert await count("/workflows?state=FAILED") == 0
    assert await count("/machines") == 5
    assert await count("/machines?known=true") == 4
    assert await count("/machines?known=false") == 1
    assert await count("/machines?prefix=52-54") == 4
    assert (await client.get("/hardware?labels==")).status_code == 400


async def test_what_cant_be_shown_hides_no_machine(tink: Tink, client: httpx.AsyncClient) -> None:
    """An event that an older Osie stored, with half a character in it or too deep, is shown all the same."""
    deep: object = "end"
    for _ in range(300):
        deep = [deep]
    async with tink.store.write() as connection:
        await journal.add_event(
            connection, "52:54:00:00:00:99", "phone_home", {"a": "\ud800", "b": deep}, 1.0
        )
    machines = (await client.get("/machines")).json()["items"]
    assert len(machines) == 6
    (bad,) = [item for item in machines if item["mac"] == "52:54:00:00:00:99"]
    assert bad["lastEvent"]["fields"]["a"] == "?"
    assert (await client.get("/machines/52-54-00-00-00-99/events")).status_code == 200


async def test_logs_come_in_pages(tink: Tink, client: httpx.AsyncClient) -> None:
    """Page by page, each line once and in order; a token of another list is refused."""
    agent = "52:54:00:00:02:00"
    workflow, turn = await tink.agents.get_action(agent)
    lines = [LogLine(n + 1, 1.0, "stdout", f"line {n}") for n in range(25)]
    await tink.agents.logs(f"default/{workflow.name}", agent, turn.action.id, lines)
    texts, query = [], {"limit": "10"}
    while True:
        page = (await client.get("/workflows/install-m0/logs", params=query)).json()
        texts += [item["text"] for item in page["items"]]
        if page["continue"] is None:
            break
        query["continue"] = page["continue"]
    assert texts == [line.text for line in lines]
    token = (await client.get("/hardware", params={"limit": 1})).json()["continue"]
    refused = await client.get("/workflows/install-m0/logs", params={"continue": token})
    assert refused.status_code == 400
    big = await client.get("/workflows/install-m0/logs", headers={"Last-Event-ID": "9" * 40})
    assert big.status_code == 422


async def test_a_request_too_large_or_too_slow_is_refused(tink: Tink) -> None:
    """413 as soon as the bytes are too many; 408 where the rest never comes. Both say why."""

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    app = Limits(application.create(tink), most_bytes=1000, patience_s=0.1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://osie/api/v1") as client:
        large = await client.post("/apply", content=b"x" * 1001)
        assert (large.status_code, "1000 bytes" in large.text) == (413, True)
        slow = await client.post("/apply", content=never())
        assert (slow.status_code, "0.1 s" in slow.text) == (408, True)
        assert (await client.get(f"/machines/{MAC}")).status_code == 404
