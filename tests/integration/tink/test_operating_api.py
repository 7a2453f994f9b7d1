"""What an operator does and asks by HTTP: operations, explain, render, diff."""

from collections.abc import AsyncIterator

import httpx
import pytest

from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.steps import OutOfTurnError
from osie.tink.domain.workflow import ActionState
from osie.tink.http import application
from osie.tink.service.service import Tink
from osie.tink.store.workflow_rows import LogLine

from .conftest import MAC, manifests


@pytest.fixture
async def client(tink: Tink) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, with the files applied."""
    await tink.resources.apply(manifests())
    transport = httpx.ASGITransport(application.create(tink))
    async with httpx.AsyncClient(transport=transport, base_url="http://osie/api/v1") as made:
        yield made


async def _fail(tink: Tink) -> None:
    workflow, turn = await tink.agents.get_action(MAC)
    ids = (f"default/{workflow.name}", MAC, turn.action.id)
    await tink.agents.report(*ids, ActionState.RUNNING)
    await tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", "no such disk")])
    await tink.agents.report(*ids, ActionState.FAILED, message="exit code 1")


async def test_cancel_retry_and_run_again(tink: Tink, client: httpx.AsyncClient) -> None:
    """Each answers with the workflow as it is then; a state that does not allow one is 409."""
    path = "/workflows/install-m1"
    assert (await client.post(f"{path}/retry")).status_code == 409
    cancelled = (await client.post(f"{path}/cancel", json={"who": "alice", "why": "wrong image"})).json()
    assert (cancelled["status"]["state"], cancelled["status"]["cause"]) == ("FAILED", "cancelled")
    assert (await client.post(f"{path}/cancel")).status_code == 409
    again = (await client.post(f"{path}/run-again")).json()["status"]
    assert (again["state"], again["run"]) == ("PENDING", 2)
    await _fail(tink)
    retried = (await client.post(f"{path}/retry", json={"who": "bob"})).json()["status"]
    assert retried["state"] == "PENDING"
    assert (await client.post("/workflows/nosuch/cancel")).status_code == 404
    who = {event["who"] for event in (await client.get(f"{path}/events")).json()["items"]}
    assert {"operator alice", "operator bob", "operator"} <= who


async def test_explain_tells_the_failure_its_last_lines_and_what_to_do(
    tink: Tink, client: httpx.AsyncClient
) -> None:
    """The message of the failed action, what it printed last, and the commands that go on from there."""
    await _fail(tink)
    told = "\n".join((await client.get("/workflows/install-m1/explain")).json()["sentences"])
    for part in ("exit code 1", "no such disk", "an action failed", "osie workflow run-again install-m1"):
        assert part in told, told
    lines = (await client.get("/workflows/install-m1/logs")).json()["items"]
    assert [line["action"] for line in lines] == ["write"]
    refused = await client.get("/workflows/install-m1/logs", params={"action": "nosuch", "follow": "true"})
    assert (refused.status_code, "it has write, restart" in refused.text) == (404, True)


TWO_TASKS = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: install}
spec:
  data: |
    version: "0.1"
    name: install
    tasks:
      - {name: one, worker: "{{ .device_1 }}", actions: [{name: a, image: i}, {name: b, image: i}]}
      - {name: two, worker: "{{ .device_1 }}", actions: [{name: a, image: i, on-failure: [x]}]}
"""


async def _run(tink: Tink, line: str, state: ActionState) -> None:
    workflow, turn = await tink.agents.get_action(MAC)
    ids = (f"default/{workflow.name}", MAC, turn.action.id)
    await tink.agents.report(*ids, ActionState.RUNNING)
    await tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", line)])
    await tink.agents.report(*ids, state, message="exit code 1")


async def test_actions_of_one_name_are_told_apart(tink: Tink, client: httpx.AsyncClient) -> None:
    """Two tasks have an action `a`: the evidence of a failure is what that one printed, TASK/NAME gets the
    lines of one, its name alone those of both, and a refusal tells which there are."""
    hardware, _, workflow = manifests()
    await tink.resources.apply([hardware, ("t", TWO_TASKS)])
    await tink.resources.delete(Ref(Kind.WORKFLOW, "default", "install-m1"))
    await tink.resources.apply([workflow])
    path = "/workflows/install-m1"
    for line in ("first a", "b"):
        await _run(tink, line, ActionState.SUCCESS)
    told = (await client.get(f"{path}/explain")).json()["sentences"]
    assert "  first a" not in told
    await _run(tink, "second a", ActionState.FAILED)
    await _run(tink, "cleaned", ActionState.SUCCESS)  # its hook
    told = (await client.get(f"{path}/explain")).json()["sentences"]
    assert told[told.index("The last lines of action a:") + 1 :][0] == "  second a"
    assert "  first a" not in told

    async def lines(action: str) -> list[str]:
        found = (await client.get(f"{path}/logs", params={"action": action})).json()
        return [line["text"] for line in found["items"]]

    assert await lines("two/a") == ["second a"]
    assert await lines("two/a.on-failure") == ["cleaned"]
    assert await lines("a") == ["first a", "second a"]
    refused = await client.get(f"{path}/logs", params={"action": "three/a"})
    assert (refused.status_code, refused.json()["detail"]) == (
        404,
        "workflow install-m1 has no action three/a; it has one/a, b, two/a",
    )


async def test_explain_tells_what_is_in_the_way(tink: Tink, client: httpx.AsyncClient) -> None:
    """A machine that was never seen, one that its Hardware gives no work or no netboot, a workflow that is
    before this one: each has its own sentence."""

    async def told(name: str) -> str:
        return "\n".join((await client.get(f"/workflows/{name}/explain")).json()["sentences"])

    hardware, _, workflow = manifests()
    assert "The machine was never seen" in await told("install-m1")
    assert "allowPXE" not in await told("install-m1")  # it was toggled
    plain = workflow[1].replace("toggleAllowNetboot: true", "toggleAllowNetboot: false")
    await tink.resources.apply([("w", plain)])
    assert "allowPXE is false" in await told("install-m1")
    await tink.resources.apply([("w", plain.replace("install-m1", "second"))])
    assert "has workflow default/install-m1 before it" in await told("second")
    await tink.resources.apply([("h", hardware[1].replace("allowWorkflow: true", "allowWorkflow: false"))])
    with pytest.raises(OutOfTurnError):
        await tink.agents.get_action(MAC)
    assert "allowWorkflow is false" in await told("install-m1")
    assert "has yet to ask" not in await told("install-m1")
    await tink.resources.apply([hardware])
    assert "never seen" not in await told("install-m1")
    await _fail(tink)
    assert "before it" not in await told("second")


async def test_explain_tells_of_a_machine_without_an_address(tink: Tink, client: httpx.AsyncClient) -> None:
    """Why DHCP had none for it, and which; until it has one, or its Hardware another."""

    async def told() -> str:
        return "\n".join((await client.get("/workflows/install-m1/explain")).json()["sentences"])

    refused = {"address": "10.0.0.1", "reason": "its address is leased to another machine"}
    await tink.machines.record(MAC, "dhcp_refused", refused)
    reason = "got no address: its address is leased to another machine (10.0.0.1 in Hardware m1)."
    assert reason in await told()
    await tink.resources.apply(manifests(address="10.0.0.3")[:1])
    assert "got no address" not in await told()
    await tink.resources.apply(manifests()[:1])
    assert reason in await told()
    await tink.machines.record(MAC, "dhcp_ack", {"address": "10.0.0.1"})
    assert "got no address" not in await told()


async def test_render_shows_what_is_handed_out(tink: Tink, client: httpx.AsyncClient) -> None:
    """The image as the config rewrites it, beside the template's own; and nothing is handed out by it."""
    before = (await client.get("/workflows/install-m1")).json()
    task = (await client.get("/workflows/install-m1/render")).json()["tasks"][0]
    assert task["actions"][0] == {
        "name": "write",
        "image": "registry.local:5000/osie/image2disk",
        "rewrittenFrom": "quay.io/actions/image2disk",
        "timeout": 60,
        "environment": {"DISK": "/dev/vda"},
    }
    assert (await client.get("/workflows/install-m1")).json() == before


async def test_diff_tells_and_changes_nothing(client: httpx.AsyncClient) -> None:
    """Created, configured and unchanged are told apart, with both sides; faults are those of apply."""
    changed = [(name, text.replace("/dev/vda", "/dev/sda")) for name, text in manifests()]
    new = manifests("m2", "52:54:00:00:00:02", "10.0.0.2")[0]
    files = [{"name": name, "text": text} for name, text in (*changed, new)]
    found = (await client.post("/diff", json={"files": files})).json()["differences"]
    assert [item["change"] for item in found] == ["configured", "unchanged", "unchanged", "created"]
    assert found[0]["before"]["spec"]["disks"] == [{"device": "/dev/vda"}]
    assert found[0]["after"]["spec"]["disks"] == [{"device": "/dev/sda"}]
    assert (await client.get("/hardware/m1")).json()["spec"]["disks"] == [{"device": "/dev/vda"}]
    assert (await client.post("/diff", json={"files": [{"name": "x", "text": "a"}]})).status_code == 422
