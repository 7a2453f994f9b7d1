"""The API's description: every route has an example, and every example is what the application does."""

from typing import Any

import httpx

from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.workflow import ActionState
from osie.tink.http import application
from osie.tink.http.examples import FILES, MAC, NAMES
from osie.tink.service.service import Tink
from osie.tink.store.workflow_rows import LogLine

WORKFLOW = Ref(Kind.WORKFLOW, "default", NAMES["workflows"])
# What an operator or a machine fills: its keys are not ours.
OPEN = {"spec", "labels", "annotations", "attributes", "fields", "before", "after"}


def _differs(example: Any, actual: Any, path: str = "") -> list[str]:
    """Where `actual` is of another shape than the example; null fits anything."""
    if example is None or actual is None:
        return []
    if isinstance(example, dict) and isinstance(actual, dict):
        if set(example) != set(actual):
            return [f"{path}: {sorted(set(example) ^ set(actual))}"]
        inside = (key for key in example if key not in OPEN)
        return [fault for key in inside for fault in _differs(example[key], actual[key], f"{path}.{key}")]
    if isinstance(example, list) and isinstance(actual, list):
        if not actual and example:
            return [f"{path}: empty"]
        return [fault for item in actual for fault in _differs(example[0], item, f"{path}[]")]
    kinds = (int, float) if isinstance(example, float) else type(example)
    return [] if isinstance(actual, kinds) else [f"{path}: {actual!r} is unlike {example!r}"]


async def _prepare(tink: Tink) -> None:
    """A machine that was seen and logs, and works on its workflow."""
    await tink.resources.apply([("files.yaml", FILES)])
    await tink.machines.log(MAC, "kernel: sda")
    await tink.machines.flush()
    workflow, turn = await tink.agents.get_action(MAC)
    ids = (f"default/{workflow.name}", MAC, turn.action.id)
    await tink.agents.report(*ids, ActionState.RUNNING)
    await tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", "writing /dev/sda")])
    amounts = {"phase": "write", "done": 1, "total": 2, "unit": "bytes", "rate_per_s": 1.0, "eta_s": 1.0}
    await tink.agents.progress(*ids, amounts)


async def _fit(tink: Tink, operation: str, ended: bool) -> None:
    """Bring the workflow into a state that allows the operation."""
    if operation.endswith("/cancel") and ended:
        await tink.operations.run_again(WORKFLOW)
    elif not ended and (operation.endswith(("/retry", "/run-again")) or operation.startswith("DELETE")):
        await tink.operations.cancel(WORKFLOW)


async def test_every_example_is_what_the_application_does(tink: Tink) -> None:
    """Each request as the description has it is answered with 200 and the shape that it shows."""
    await _prepare(tink)
    transport = httpx.ASGITransport(application.create(tink))
    async with httpx.AsyncClient(transport=transport, base_url="http://osie") as client:
        described = (await client.get("/api/v1/openapi.json")).json()
        operations = [
            (f"{method.upper()} {path}", operation)
            for path, methods in described["paths"].items()
            for method, operation in methods.items()
        ]
        order = {"GET": 0, "POST": 1, "DELETE": 2}
        gone = ["/workflows/", "/templates/", "/hardware/"]  # who names another is deleted first
        operations.sort(
            key=lambda named: (
                order[named[0].split()[0]], next((n for n, word in enumerate(gone) if word in named[0]), 0)
            )
        )  # fmt: skip
        faults = []
        for name, operation in operations:
            method, path = name.split()
            if "/workflows/" in path:
                ended = (await client.get(f"/api/v1/workflows/{WORKFLOW.name}")).json()["status"]
                await _fit(tink, name, ended["state"] in {"FAILED", "SUCCESS", "TIMEOUT"})
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
            content = operation.get("requestBody", {}).get("content", {})
            body = content["application/json"]["example"] if content else None
            answer = await client.request(method, path, json=body)
            example = operation["responses"]["200"]["content"]["application/json"]["example"]
            if answer.status_code != 200:
                faults.append(f"{name}: {answer.status_code}: {answer.text}")
            else:
                faults += [f"{name}{fault}" for fault in _differs(example, answer.json())]
        assert not faults, "\n".join(faults)
        assert len(operations) > 20
