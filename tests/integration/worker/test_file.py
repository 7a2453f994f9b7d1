"""A workflow from a file, with no server."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from .conftest import WorkerProcess

Workflow: TypeAlias = Callable[..., None]  # takes actions by their names

RESOURCES = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {name: m1}
spec:
  disks: [{device: /dev/vda}]
  interfaces: [{dhcp: {mac: "52:54:00:00:00:01"}}]
---
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: install}
spec:
  data: |
    version: "0.1"
    name: install
    global_timeout: 600
    tasks:
      - name: install
        volumes: ["SHARED:/worker"]
        environment: {DISK: "{{ index .Hardware.Disks 0 }}"}
        actions:
          - name: write
            image: osie-test
            command: [/bin/sh, -c, 'echo "$DISK $RIGHT"; [ -e /worker/tried ] || ! echo > /worker/tried']
            environment: {RIGHT: true}
            retries: 1
            retry-backoff: 0
          - name: check
            image: osie-test
            command: [/bin/sh, -c, "exit 9"]
            on-failure: [/bin/sh, -c, "echo hook > /worker/hooked"]
---
apiVersion: tinkerbell.org/v1alpha1
kind: Workflow
metadata: {name: w1}
spec: {templateRef: install, hardwareRef: m1}
"""


@pytest.fixture
def workflow(worker: WorkerProcess, tmp_path: Path) -> Workflow:
    """Writes a document for the worker; each action's script is given by its name."""

    def write(**actions: dict[str, Any]) -> None:
        common = {"image": "osie-test", "volumes": [f"{tmp_path}:/worker"]}  # ours would be made on this host
        made = [
            {**common, "name": name, **given, "command": ["/bin/sh", "-c", given["command"]]}
            for name, given in actions.items()
        ]
        document = {"version": "0.1", "name": "w", "global_timeout": 600}
        document["tasks"] = [{"name": "t", "worker": "52-54-00-00-00-01", "actions": made}]
        (tmp_path / "w.json").write_text(json.dumps(document))
        worker.environment |= {
            "OSIE_ACTIONS_FILE": str(tmp_path / "w.json"),
            "TINKERBELL_GRPC_AUTHORITY": "",
        }

    return write


def ends(tmp_path: Path) -> list[tuple[str, str]]:
    """(action, state) of every end that was told."""
    told = [json.loads(line) for line in (tmp_path / "w.json.status").read_text().splitlines()]
    return [(entry["name"], entry["state"]) for entry in told if entry["state"] != "RUNNING"]


def rendered(resources: str) -> bytes:
    """What `osie render` makes of them."""
    command = [sys.executable, "-m", "osie.cli", "render", "-f", "-", "-o", "json"]
    return subprocess.run(command, input=resources.encode(), stdout=subprocess.PIPE, check=True).stdout


async def test_success(worker: WorkerProcess, workflow: Workflow, tmp_path: Path) -> None:
    """Actions run in order, and again where one fails; the worker ends well with the last one."""
    workflow(
        a={"command": 'echo "$GREETING"', "environment": {"GREETING": "hi"}},
        b={"command": "[ -e /worker/tried ] || ! echo > /worker/tried", "retries": 3, "retry-backoff": 0},
    )
    await worker.start()
    assert (await worker.end())[0] == 0
    assert ends(tmp_path) == [("a", "SUCCESS"), ("b", "FAILED"), ("b", "SUCCESS")]
    assert "text=hi" in worker.printed


async def test_failure(worker: WorkerProcess, workflow: Workflow, tmp_path: Path) -> None:
    """The first action that doesn't succeed ends it, after its hook ran; the exit status tells."""
    hook = ["/bin/sh", "-c", "echo hook > /worker/hooked"]
    workflow(a={"command": "exit 9", "on-failure": hook}, b={"command": "echo no"})
    await worker.start()
    assert (await worker.end())[0] == 2
    assert ends(tmp_path) == [("a", "FAILED"), ("a.on-failure", "SUCCESS")]
    assert (tmp_path / "hooked").read_text() == "hook\n"


async def test_what_osie_render_prints(worker: WorkerProcess, workflow: Workflow, tmp_path: Path) -> None:
    """A workflow that the CLI rendered from files runs as one of a server does."""
    workflow()
    (tmp_path / "w.json").write_bytes(rendered(RESOURCES.replace("SHARED", str(tmp_path))))
    await worker.start()
    assert (await worker.end())[0] == 2
    assert ends(tmp_path) == [
        *(("write", "FAILED"), ("write", "SUCCESS")),
        *(("check", "FAILED"), ("check.on-failure", "SUCCESS")),
    ]
    assert (tmp_path / "hooked").read_text() == "hook\n"
    assert 'text="/dev/vda true"' in worker.printed


async def test_what_takes_a_server(worker: WorkerProcess, workflow: Workflow) -> None:
    """A condition and another machine's task are refused before anything runs."""
    workflow(a={"command": "echo ran", "if": "true"})
    worker.environment["WORKER_ID"] = "another"
    await worker.start()
    assert (await worker.end())[0] == 1
    for place in ("tasks[0].worker", "tasks[0].actions[0].if"):
        assert place in worker.printed
    assert "action_ended" not in worker.printed


async def test_what_is_wrong_is_told_once_a_line_each(worker: WorkerProcess, workflow: Workflow) -> None:
    """No fault is told twice, none has its line ends escaped, and the file is named, not a server."""
    workflow(a={"command": "echo ran", "if": "true"}, b={"command": "echo ran", "comand": ""})
    await worker.start()
    assert (await worker.end())[0] == 1
    assert worker.printed.count("tasks[0].actions[0].if") == 1
    assert worker.printed.count("error reason=") == 2
    assert "\\n" not in worker.printed
    assert "server=" not in worker.printed
    assert "w.json" in worker.printed.splitlines()[0]


async def test_no_engine_is_told_at_once(worker: WorkerProcess, workflow: Workflow) -> None:
    """Who runs a file by hand isn't left waiting for an engine that nobody starts."""
    workflow(a={"command": "echo ran"})
    worker.environment["DOCKER_HOST"] = "unix:///no/engine.sock"
    await worker.start()
    assert (await worker.end())[0] == 1
    assert "there is no container engine at /no/engine.sock" in worker.printed


def test_help_is_given() -> None:
    """Like any program: --help is no error, another argument is."""
    for argument, status in (("--help", 0), ("-h", 0), ("w.json", 1)):
        done = subprocess.run(
            [sys.executable, "-m", "osie.worker", argument], capture_output=True, text=True, check=False
        )
        assert done.returncode == status
        assert "OSIE_ACTIONS_FILE" in done.stdout
