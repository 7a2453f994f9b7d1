"""The examples in the API's OpenAPI description. A test runs each of them against the application."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

NAMES = {"hardware": "machine-1", "templates": "debian", "workflows": "install-machine-1"}
MAC = "52:54:00:12:34:56"
_API = "tinkerbell.org/v1alpha1"
_AT = 1767225600.0

FILES = f"""\
apiVersion: {_API}
kind: Hardware
metadata: {{name: machine-1, labels: {{rack: "7"}}}}
spec:
  disks: [{{device: /dev/sda}}]
  interfaces:
    - dhcp: {{mac: "{MAC}", ip: {{address: 192.168.1.10, netmask: 255.255.255.0}}}}
      netboot: {{allowPXE: true, allowWorkflow: true}}
---
apiVersion: {_API}
kind: Template
metadata: {{name: debian}}
spec:
  data: |
    version: "0.1"
    name: debian
    tasks:
      - name: install
        actions:
          - {{name: write-os, image: quay.io/tinkerbell/actions/image2disk, timeout: 1800, retries: 2}}
---
apiVersion: {_API}
kind: Workflow
metadata: {{name: install-machine-1}}
spec: {{templateRef: debian, hardwareRef: machine-1}}
"""


@dataclass(frozen=True)
class Example:
    """A request, and what it is answered."""

    answer: Any
    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


def _manifest(kind: str, name: str, spec: Any) -> dict[str, Any]:
    stamps = {"resourceVersion": 1, "createdAt": _AT, "updatedAt": _AT}
    metadata = {"name": name, "namespace": "default", "labels": {}, "annotations": {}, **stamps}
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "spec": spec}


_PROGRESS = {"at": _AT + 9, "phase": "write", "done": 52428800, "total": 104857600, "unit": "bytes"}
_PROGRESS |= {"rate_per_s": 10485760.0, "eta_s": 5.0}
_ACTION_ID, _TASK_ID = "6bfe7f2d-9c5e-4f0b-8f0a-3c1f3e0f9b55", "25d4b0c1-54f6-4a57-8a5b-0d4ad9a1f0a2"
_IMAGE = "quay.io/tinkerbell/actions/image2disk"
_ACTION = {
    "id": _ACTION_ID, "name": "write-os", "image": _IMAGE, "timeout": 1800, "state": "RUNNING",
    "executionStart": _AT, "executionStop": None, "executionDuration": "", "message": "", "if": "",
    "attempt": 1, "attempts": 3, "notBefore": None, "hook": None, "progress": _PROGRESS,
}  # fmt: skip
_STATUS = {
    "state": "RUNNING", "disabled": False, "message": "", "cause": "", "run": 1, "netboots": 0,
    "silentSince": None,
    "executionStart": _AT, "executionStop": None, "globalTimeout": 0,
    "currentAction": {
        "task": "install", "action": "write-os", "id": _ACTION_ID, "state": "RUNNING", "attempt": 1,
        "attempts": 3, "notBefore": None, "progress": _PROGRESS,
    },
    "tasks": [{"name": "install", "id": _TASK_ID, "agentID": MAC, "actions": [_ACTION]}],
}  # fmt: skip
_INTERFACE = {"dhcp": {"mac": MAC}, "netboot": {"allowPXE": True}}
_RESOURCES = {
    "hardware": _manifest("Hardware", "machine-1", {"interfaces": [_INTERFACE]}),
    "templates": _manifest("Template", "debian", {"data": 'version: "0.1"\n...'}),
    "workflows": {
        **_manifest("Workflow", "install-machine-1", {"templateRef": "debian", "hardwareRef": "machine-1"}),
        "status": _STATUS,
    },
}
_SEEN = {"id": 3, "at": _AT, "mac": MAC, "event": "worker_up", "fields": {"agent": MAC}}
_MACHINE = {
    "mac": MAC, "hardware": "machine-1", "known": True, "firstSeen": _AT, "lastSeen": _AT,
    "attributes": {}, "lastEvent": _SEEN,
}  # fmt: skip
_EVENT = {
    "id": 7, "at": _AT, "workflow": "install-machine-1", "task": "install", "action": "write-os",
    "actionID": _ACTION_ID, "from": "PENDING", "to": "RUNNING", "why": "", "who": f"agent {MAC}",
    "agent": MAC,
}  # fmt: skip
_LINE = {
    "id": 9, "at": _AT, "task": "install", "action": "write-os", "sequence": 1, "stream": "stdout",
    "text": "writing /dev/sda",
}  # fmt: skip
_RENDERED = {
    "version": "0.1",
    "name": "debian",
    "tasks": [
        {
            "name": "install",
            "worker": MAC,
            "actions": [
                {
                    "name": "write-os",
                    "image": "192.168.1.1:5000/actions/image2disk",
                    "rewrittenFrom": _IMAGE,
                    "timeout": 1800,
                    "retries": 2,
                    "retry-backoff": 5,
                }
            ],
        }
    ],
}
_CHANGE = {"kind": "Hardware", "namespace": "default", "name": "machine-1", "change": "configured"}
_ONE = {"name": NAMES["workflows"]}
_WHO = {"who": "alice"}


def _page(item: Any) -> Any:
    return {"items": [item], "continue": None}


def _examples() -> dict[str, Example]:
    body = {"files": [{"name": "machine-1.yaml", "text": FILES}]}
    difference = {**_CHANGE, "before": {"kind": "Hardware"}, "after": {"kind": "Hardware"}}
    found = {
        "POST /apply": Example({"applied": [_CHANGE], "warnings": []}, body=body),
        "POST /diff": Example({"differences": [difference], "warnings": []}, body=body),
        "GET /healthz": Example({"status": "ok"}),
        "POST /workflows/{name}/cancel": Example(
            _RESOURCES["workflows"], _ONE, {**_WHO, "why": "wrong image"}
        ),
        "POST /workflows/{name}/retry": Example(
            _RESOURCES["workflows"], _ONE, {**_WHO, "action": "write-os"}
        ),
        "POST /workflows/{name}/run-again": Example(_RESOURCES["workflows"], _ONE, _WHO),
        "GET /workflows/{name}/explain": Example({"sentences": ["It is RUNNING: ..."]}, _ONE),
        "GET /workflows/{name}/render": Example(_RENDERED, _ONE),
        "GET /workflows/{name}/events": Example(_page(_EVENT), _ONE),
        "GET /workflows/{name}/logs": Example(_page(_LINE), _ONE),
        "GET /machines": Example(_page(_MACHINE)),
        "GET /machines/{mac}": Example(_MACHINE, {"mac": MAC}),
        "GET /machines/{mac}/events": Example(_page(_SEEN), {"mac": MAC}),
        "GET /machines/{mac}/logs": Example(
            _page({"id": 5, "at": _AT, "mac": MAC, "text": "kernel: sda"}), {"mac": MAC}
        ),
    }
    for plural, name in NAMES.items():
        found[f"GET /{plural}"] = Example(_page(_RESOURCES[plural]))
        found[f"GET /{plural}/{{name}}"] = Example(_RESOURCES[plural], {"name": name})
        found[f"DELETE /{plural}/{{name}}"] = Example({"deleted": name}, {"name": name})
    return found


EXAMPLES: Mapping[str, Example] = _examples()


def describe(app: FastAPI, prefix: str) -> None:
    """Put the examples into the application's description."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path, operations in plain()["paths"].items():
                for method, operation in operations.items():
                    _add(operation, EXAMPLES[f"{method.upper()} {path.removeprefix(prefix)}"])
        return plain()

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI's documentation says


def _add(operation: dict[str, Any], example: Example) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example.path:
            parameter["example"] = example.path[parameter["name"]]
    if example.body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example.body
    operation["responses"]["200"].setdefault("content", {}).setdefault("application/json", {})["example"] = (
        example.answer
    )
