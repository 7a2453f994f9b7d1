"""The operator's API over a real server on loopback, live streams included."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import httpx
import pytest
import uvicorn

from osie.tink.domain.workflow import ActionState
from osie.tink.http import application
from osie.tink.service.service import Tink
from osie.tink.store.workflow_rows import LogLine

from .conftest import MAC, manifests


@pytest.fixture
async def client(tink: Tink) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a served application."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application.create(tink), log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1"
        async with httpx.AsyncClient(base_url=url, timeout=20) as made:
            yield made
        tink.end_streams()
        server.should_exit = True
        await serving


def body(files: list[tuple[str, str]]) -> dict[str, Any]:
    """Of an apply."""
    return {"files": [{"name": name, "text": text} for name, text in files]}


async def follow(
    client: httpx.AsyncClient, path: str, **headers: str
) -> AsyncGenerator[dict[str, Any], None]:
    """The stream's items as they come."""
    async with client.stream("GET", path, params={"follow": "true"}, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                yield json.loads(line[5:])


async def test_apply_answers_for_each_resource(client: httpx.AsyncClient) -> None:
    """What was applied is told one by one; the second time it is unchanged."""
    answer = await client.post("/apply", json=body(manifests()))
    assert answer.json() == {
        "applied": [
            {"kind": kind, "namespace": "default", "name": name, "change": "created"}
            for kind, name in (("Hardware", "m1"), ("Template", "install"), ("Workflow", "install-m1"))
        ],
        "warnings": [],
    }
    again = (await client.post("/apply", json=body(manifests()))).json()["applied"]
    assert {item["change"] for item in again} == {"unchanged"}


async def test_what_has_no_effect_is_said_at_each_apply(client: httpx.AsyncClient) -> None:
    """The second apply of a batch, and one that only changes labels, tell what the first one told.

    Also once the workflow's template can't be rendered any more: what was accepted is not refused for it.
    """
    action = {"name": "b", "image": "c", "args": ["x"], "command": ["{{ .said }}"]}
    data = json.dumps({"name": "t", "tasks": [{"name": "a", "actions": [action]}, {"name": "idle"}]})
    references = {
        "gone": {"group": "tinkerbell.org", "version": "v1alpha1", "resource": "templates", "name": "g"}
    }
    machine = {"agentID": "m", "userData": "#cloud-config", "references": references}
    spec = {"templateRef": "t", "hardwareRef": "m", "hardwareMap": {"said": "hello"}}

    async def apply(labels: dict[str, str], **data: str) -> dict[str, Any]:
        head: dict[str, Any] = {"labels": labels}
        files = [
            ("machine", _manifest("Hardware", {"name": "m", **head}, machine)),
            *(("template", _manifest("Template", {"name": "t", **head}, {"data": d})) for d in data.values()),
            ("empty", _manifest("Template", {"name": "empty", **head}, {"data": ""})),
            ("workflow", _manifest("Workflow", {"name": "w", **head}, spec)),
        ]
        answer = await client.post("/apply", json=body(files))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    told = [await apply(labels, data=data) for labels in ({}, {}, {"rack": "7"})]
    assert [{item["change"] for item in each["applied"]} for each in told] == [
        {"created"}, {"unchanged"}, {"configured"}
    ]  # fmt: skip
    words = (
        "args: unknown key",
        "idle is done at once",
        "empty: no workflow",
        "reaches nobody",
        "is no Template",
    )
    for part in words:
        assert any(part in line for line in told[0]["warnings"]), part
    assert told[1]["warnings"] == told[2]["warnings"] == told[0]["warnings"]
    assert (await apply({}, data=data.replace(".said", ".other")))["applied"][-1]["change"] == "configured"
    assert "args: unknown key" not in str((await apply({}))["warnings"])


async def test_a_bad_batch_is_422_with_every_reason(client: httpx.AsyncClient) -> None:
    """Errors come as file, document, path and message, and nothing was applied."""
    files = [*manifests(), ("bad.yaml", "kind: Hardware"), ("worse.yaml", "a: [")]
    answer = await client.post("/apply", json=body(files))
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert {"file": "bad.yaml", "document": 1, "path": "apiVersion", "message": "missing"} in errors
    assert {error["file"] for error in errors} == {"bad.yaml", "worse.yaml"}
    assert (await client.get("/hardware")).json() == {"items": [], "continue": None}


async def test_a_template_sees_what_its_machine_refers_to(client: httpx.AsyncClient) -> None:
    """Another namespace's Hardware, from the store; what isn't kept here is named where rendering fails."""
    group = {"group": "tinkerbell.org", "version": "v1alpha1"}
    other = _manifest("Hardware", {"name": "rack", "namespace": "lab"}, {"userData": "the rack's"})
    assert (await client.post("/apply", json=body([("other", other)]))).status_code == 200
    references = {
        "rack": {**group, "resource": "hardware", "name": "rack", "namespace": "lab"},
        "lvm": {"group": "example.org", "version": "v1", "resource": "lvms", "name": "l"},
        "gone": {**group, "resource": "templates", "name": "gone"},
    }
    machine = _manifest("Hardware", {"name": "m"}, {"agentID": "m", "references": references})
    answers = []
    for name in ("rack", "lvm"):
        named = f"{{{{ .references.{name}.spec.userData }}}}"
        action = {"name": "b", "image": "c", "command": [named]}
        data = json.dumps({"name": "t", "tasks": [{"name": "a", "actions": [action]}]})
        spec = {"templateRef": "t", "hardwareRef": "m"}
        files = [
            ("machine", machine),
            ("template", _manifest("Template", {"name": "t"}, {"data": data})),
            ("workflow", _manifest("Workflow", {"name": f"w-{name}"}, spec)),
        ]
        answers.append((await client.post("/apply", json=body(files))).json())
    applied, refused = answers
    assert any(
        "spec.references.lvm: 'lvms.example.org' is not kept here" in line for line in applied["warnings"]
    )
    assert any("there is no Template default/gone" in line for line in applied["warnings"])
    rendered = (await client.get("/workflows/w-rack/render")).json()
    assert rendered["tasks"][0]["actions"][0]["command"] == ["the rack's"]
    assert "'lvms.example.org' is not kept here" in refused["errors"][0]["message"]


def _manifest(kind: str, metadata: dict[str, Any], spec: Mapping[str, object]) -> str:
    head = {"apiVersion": "tinkerbell.org/v1alpha1", "kind": kind, "metadata": metadata}
    return json.dumps({**head, "spec": spec})


async def test_what_is_shown_can_be_applied_again(client: httpx.AsyncClient) -> None:
    """A resource as the API shows it is a manifest; applied again, it changes nothing."""
    await client.post("/apply", json=body(manifests()))
    for path in ("templates/install", "workflows/install-m1"):
        shown = (await client.get(f"/{path}")).text
        again = (await client.post("/apply", json=body([("shown.json", shown)]))).json()
        assert [item["change"] for item in again["applied"]] == ["unchanged"], again


async def test_lists_page_and_filter(client: httpx.AsyncClient) -> None:
    """Pages follow one another without gap or repetition; filters select by state and agent."""
    files = [manifests()[1]]
    for number in range(5):
        named = manifests(f"p{number}", f"52:54:00:00:02:0{number}", f"10.0.2.{number}")
        files += [named[0], named[2]]
    await client.post("/apply", json=body(files))
    names, token = [], None
    while True:
        query = {"limit": "2"} | ({"continue": token} if token else {})
        page = (await client.get("/workflows", params=query)).json()
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["continue"]
        if token is None:
            break
    assert names == [f"install-p{number}" for number in range(5)]
    filters = [
        ({"agent": "52-54-00-00-02-03"}, 1),
        ({"state": "PENDING"}, 5),
        ({"state": "FAILED"}, 0),
        ({"namespace": "x"}, 0),
    ]
    for query, count in filters:
        assert len((await client.get("/workflows", params=query)).json()["items"]) == count
    assert len((await client.get("/machines", params={"limit": 3})).json()["items"]) == 3
    assert (await client.get("/workflows", params={"continue": "nonsense"})).status_code == 400
    assert (await client.get("/workflows", params={"state": "NONSENSE"})).status_code == 422


async def test_events_are_followed_live_to_the_end(tink: Tink, client: httpx.AsyncClient) -> None:
    """A follower gets the past and then each change as it happens; the stream ends with the workflow."""
    await client.post("/apply", json=body(manifests()))
    seen: list[str] = []
    async with asyncio.timeout(30), aclosing(follow(client, "/workflows/install-m1/events")) as stream:
        async for item in stream:
            seen.append(f"{item['action'] or 'workflow'}:{item['to']}")
            if item["to"] == "PENDING":
                for _ in range(2):
                    workflow, turn = await tink.agents.get_action(MAC)
                    await tink.agents.report(
                        f"default/{workflow.name}", MAC, turn.action.id, ActionState.SUCCESS
                    )
            last = item["id"]
    assert seen[-3:] == ["restart:SUCCESS", "workflow:POST", "workflow:SUCCESS"]
    assert len(seen) == len(set(seen)) == 9
    whole = (await client.get("/workflows/install-m1/events")).json()["items"]
    assert len(whole) == 9
    behind = [
        item
        async for item in follow(client, "/workflows/install-m1/events", **{"Last-Event-ID": str(last - 1)})
    ]
    assert [item["to"] for item in behind] == ["SUCCESS"]


async def test_a_reader_of_a_finished_stream_is_sent_away(tink: Tink, client: httpx.AsyncClient) -> None:
    """An EventSource that comes back behind the last item of an ended workflow is told 204, which ends it, so
    is one that was told nothing, since there is nothing. Once it runs again there is a stream."""
    await client.post("/apply", json=body(manifests()))
    await client.post("/workflows/install-m1/cancel")
    events = "/workflows/install-m1/events"
    last = (await client.get(events)).json()["items"][-1]["id"]
    behind = {"Last-Event-ID": str(last)}
    for path, headers in ((events, behind), ("/workflows/install-m1/logs", {})):
        answer = await client.get(path, params={"follow": "true"}, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(events, headers=behind)).json()["items"] == []  # a page is a page
    await client.post("/workflows/install-m1/run-again")
    async with asyncio.timeout(30), aclosing(follow(client, events, **behind)) as stream:
        assert (await anext(stream))["to"] == "PENDING"
        tink.end_streams()


async def test_logs_are_followed_by_action(tink: Tink, client: httpx.AsyncClient) -> None:
    """Lines arrive live, name their action, and may be asked for by it."""
    await client.post("/apply", json=body(manifests()))
    workflow, turn = await tink.agents.get_action(MAC)
    ids = (f"default/{workflow.name}", MAC, turn.action.id)
    await tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", "first")])
    async with asyncio.timeout(30), aclosing(follow(client, "/workflows/install-m1/logs")) as stream:
        assert (await anext(stream))["text"] == "first"
        await tink.agents.logs(*ids, [LogLine(2, 1.0, "stderr", "second")])
        assert (await anext(stream))["text"] == "second"
        await tink.agents.report(*ids, ActionState.FAILED, message="exit code 1")
        assert [item async for item in stream] == []
    lines = (await client.get("/workflows/install-m1/logs", params={"action": "write"})).json()["items"]
    assert [(line["action"], line["stream"]) for line in lines] == [("write", "stdout"), ("write", "stderr")]
    assert (await client.get("/workflows/install-m1/logs", params={"action": "restart"})).json()[
        "items"
    ] == []


async def test_machines_known_and_discovered(tink: Tink, client: httpx.AsyncClient) -> None:
    """Described machines and strangers are listed apart; what happens to them is followed live."""
    await client.post("/apply", json=body(manifests()))
    stranger = "52:54:00:00:00:99"
    await tink.machines.record(stranger, "discovered", {"arch": "x86_64"})
    await tink.machines.log(stranger, "kernel: hello")
    await tink.machines.flush()
    known = {item["mac"]: item["known"] for item in (await client.get("/machines")).json()["items"]}
    assert known == {MAC: True, stranger: False}
    assert (await client.get(f"/machines/{stranger.upper()}/logs")).json()["items"][0][
        "text"
    ] == "kernel: hello"
    async with asyncio.timeout(30), aclosing(follow(client, f"/machines/{stranger}/events")) as stream:
        assert (await anext(stream))["fields"] == {"arch": "x86_64"}
        await tink.machines.record(stranger, "ipxe_script", {"kind": "unknown"}, 77.5)
        item = await anext(stream)
        assert (item["event"], item["at"]) == ("ipxe_script", 77.5)


async def test_missing_and_in_use(client: httpx.AsyncClient, tink: Tink) -> None:
    """404 and 409 carry a sentence; a running workflow is deleted by force only."""
    await client.post("/apply", json=body(manifests()))
    for path in (
        "/hardware/x",
        "/templates/x",
        "/workflows/x",
        "/workflows/x/events",
        "/machines/52:54:00:00:00:77",
    ):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "x" in answer.json()["detail"] or "77" in answer.json()["detail"]
    assert (await client.get("/machines/nonsense")).status_code == 400
    assert (await client.delete("/hardware/m1")).status_code == 409
    workflow, turn = await tink.agents.get_action(MAC)
    await tink.agents.report(f"default/{workflow.name}", MAC, turn.action.id, ActionState.RUNNING)
    refused = await client.delete("/workflows/install-m1")
    assert refused.status_code == 409
    assert "RUNNING" in refused.json()["detail"]
    assert (await client.delete("/workflows/install-m1", params={"force": "true"})).status_code == 200
    assert (await client.delete("/hardware/m1")).status_code == 200


async def test_the_description_has_examples(client: httpx.AsyncClient) -> None:
    """OpenAPI names every route under /api/v1, and shows a manifest."""
    described = (await client.get("/openapi.json")).json()
    assert {path.split("/")[3] for path in described["paths"]} == {
        "apply", "diff", "healthz", "hardware", "templates", "workflows", "machines"
    }  # fmt: skip
    assert "kind: Hardware" in json.dumps(described["components"])
    assert (await client.get("/healthz")).json() == {"status": "ok"}
