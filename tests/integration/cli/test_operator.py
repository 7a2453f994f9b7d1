"""The operator's commands against a real server of the API, as processes: what a person sees."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
import yaml

from osie.tink import http_api
from osie.tink.service import Tink
from osie.tink.store import Store
from osie.tink.workflow import ActionState
from osie.tink.workflow_rows import LogLine

MAC = "52:54:00:00:00:01"
FILES = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {name: m1, labels: {rack: "7"}}
spec: {interfaces: [{dhcp: {mac: "52:54:00:00:00:01"}}]}
---
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: install}
spec:
  data: |
    version: "0.1"
    name: install
    tasks:
      - name: install
        actions:
          - {name: write, image: quay.io/actions/image2disk, retries: 1, retry-backoff: 0}
          - {name: restart, image: quay.io/actions/reboot}
---
apiVersion: tinkerbell.org/v1alpha1
kind: Workflow
metadata: {name: w1}
spec: {templateRef: install, hardwareRef: m1}
"""


class Operator:
    """The engine behind a served API, and the command."""

    def __init__(self, tink: Tink, url: str, folder: Path) -> None:
        self.tink, self.url, self._folder = tink, url, folder

    async def osie(self, *arguments: str, text: str = "", **environment: str) -> tuple[int, str]:
        """Exit status, and standard output and error together."""
        environment |= {**os.environ, "OSIE_SERVER": self.url, "USER": "alice", "LOGNAME": "alice"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "osie.cli", *arguments),
            cwd=self._folder, env=environment, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await process.communicate(text.encode())
        return process.returncode or 0, told.decode()

    async def completed(self, *words: str) -> list[str]:
        """What bash is offered for the last word."""
        asked = {"COMP_WORDS": " ".join(["osie", *words]), "COMP_CWORD": str(len(words))}
        _, told = await self.osie(_OSIE_COMPLETE="bash_complete", **asked)
        return [line.partition(",")[2] for line in told.split()]

    async def end(self, state: ActionState, message: str = "") -> None:
        """The next action runs, prints a line, and ends so."""
        workflow, turn = await self.tink.agents.get_action(MAC)
        ids = (f"default/{workflow.name}", MAC, turn.action.id)
        await self.tink.agents.report(*ids, ActionState.RUNNING)
        await self.tink.agents.logs(*ids, [LogLine(1, 1.0, "stdout", f"this is {turn.action.name}")])
        await self.tink.agents.report(*ids, state, message=message)


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    """A server with nothing in it, and FILES in files.yaml."""
    (tmp_path / "files.yaml").write_text(FILES)
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'tink.db'}")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with Tink(store, rewrite_images={"quay.io/": "10.0.0.1:5000/"}) as tink:
            config = uvicorn.Config(http_api.create(tink), log_level="warning", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            yield Operator(tink, f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path)
            tink.end_streams()
            server.should_exit = True
            await serving
    await store.close()


async def test_files_are_validated_rendered_and_compared_before_they_are_applied(operator: Operator) -> None:
    """validate and render -f need no server; diff exits with 1 until all is applied, and changes nothing."""
    status, told = await operator.osie("validate", "-f", "files.yaml")
    assert (status, "workflow/w1 is valid (rendered)" in told) == (0, True), told
    status, told = await operator.osie("render", "-f", "files.yaml", "-o", "yaml")
    offline = yaml.safe_load(told)["tasks"][0]
    assert (status, offline["actions"][0]["image"]) == (0, "quay.io/actions/image2disk")
    status, told = await operator.osie("diff", "-f", "files.yaml")
    assert (status, told.count("--- /dev/null")) == (1, 3), told
    status, told = await operator.osie("apply", "-f", "files.yaml")
    assert (status, told.count("created")) == (0, 3), told
    assert await operator.osie("diff", "-f", "files.yaml") == (0, "")
    status, told = await operator.osie("diff", "-f", "-", text=FILES.replace('rack: "7"', 'rack: "8"'))
    assert status == 1
    assert "-    rack: '7'\n+    rack: '8'\n" in told
    rendered = yaml.safe_load((await operator.osie("render", "w1"))[1])["tasks"][0]["actions"][0]
    assert rendered["image"] == "10.0.0.1:5000/actions/image2disk"
    assert rendered["rewrittenFrom"] == "quay.io/actions/image2disk"


async def test_bad_files_are_told_all_at_once(operator: Operator) -> None:
    """Offline as well as by the server: each fault with file, document and path; exit status 1, 2 of diff."""
    bad = FILES.replace("retries: 1", "retires: 1").replace("hardwareRef: m1", "hardwareRef: M_1")
    for command, expected in (("validate", 1), ("apply", 1), ("diff", 2)):
        status, told = await operator.osie(command, "-f", "-", text=bad)
        assert status == expected, told
        assert "standard input, document 2" in told, told
        assert "did you mean 'retries'?" in told, told
        assert "spec.hardwareRef" in told, told
        assert "Traceback" not in told, told


async def test_a_failure_is_seen_explained_and_retried(operator: Operator) -> None:
    """get, watch, explain and logs tell the same story; cancel, retry and run-again are on record."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.end(ActionState.FAILED, "exit code 3")
    status, table = await operator.osie("get", "workflows", "--state", "RUNNING", "--hardware", "m1")
    assert (status, table.split("\n")[1].split()[:6]) == (
        0, ["w1", "m1", "install", "RUNNING", "write", "2/2"]
    ), table  # fmt: skip
    await operator.end(ActionState.FAILED, "exit code 4")
    status, told = await operator.osie("workflow", "watch", "w1")
    assert status == 1
    assert "attempt 2 of 2" in told, told
    _, told = await operator.osie("workflow", "explain", "w1")
    for part in ("exit code 4", "this is write", "`osie workflow run-again w1`"):
        assert part in told, told
    assert (await operator.osie("workflow", "logs", "w1", "--action", "write"))[1].count("this is write") == 2
    assert "it has write, restart" in (await operator.osie("workflow", "logs", "w1", "--action", "x"))[1]
    assert await operator.osie("workflow", "retry", "w1") == (
        0, "workflow/w1 is PENDING, begins with action write\n"
    )  # fmt: skip
    assert (await operator.osie("workflow", "cancel", "w1", "--why", "wrong disk"))[0] == 0
    status, told = await operator.osie("workflow", "cancel", "w1")
    assert (status, "FAILED already" in told) == (1, True), told
    assert "wrong disk" in (await operator.osie("workflow", "explain", "w1"))[1]
    assert (await operator.osie("workflow", "run-again", "w1"))[0] == 0
    for _ in range(2):
        await operator.end(ActionState.SUCCESS)
    assert (await operator.osie("workflow", "watch", "w1"))[0] == 0
    assert (await operator.osie("get", "workflows", "--state", "FAILED"))[1] == "no workflows found\n"


async def test_options_that_select_nothing_are_refused(operator: Operator) -> None:
    """An option of another list, a selector in no syntax: one line says what would do."""
    status, told = await operator.osie("get", "hardware", "--known")
    assert (status, "--known is of machines" in told) == (2, True), told
    status, told = await operator.osie("get", "hardware", "-l", "a in (b)")
    assert (status, "expected KEY=VALUE" in told) == (1, True), told


async def test_what_changes_is_watched(operator: Operator) -> None:
    """Without a terminal each row is printed when it is new or changed."""
    await operator.osie("apply", "-f", "files.yaml")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "osie.cli", "get", "workflows", "--watch", "--server", operator.url),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"PENDING" not in await process.stdout.readline():
                pass
            await operator.end(ActionState.SUCCESS)
            while b"RUNNING" not in await process.stdout.readline():
                pass
    finally:
        process.kill()
        await process.wait()


async def test_names_are_completed_from_their_namespace(operator: Operator) -> None:
    """Those of -n; without it an argument's are the default ones, an option's are all."""
    await operator.osie("apply", "-f", "files.yaml")
    lab = FILES.replace("{name: m1,", "{name: m2, namespace: lab,").replace("00:00:01", "00:00:02")
    lab = lab.replace("{name: install}", "{name: install, namespace: lab}").replace(
        "hardwareRef: m1", "hardwareRef: m2"
    )
    await operator.osie("apply", "-f", "-", text=lab.replace("{name: w1}", "{name: w2, namespace: lab}"))
    for words, names in (
        (("workflow", "logs", ""), ["w1"]),
        (("workflow", "logs", "-n", "lab", ""), ["w2"]),
        (("workflow", "logs", "--namespace=lab", "w1"), []),
        (("render", "-n", "lab", "w"), ["w2"]),
        (("delete", "-n", "lab", "hardware", ""), ["m2"]),
        (("get", "hardware", ""), ["m1"]),
        (("get", "-n", "lab", "hardware", ""), ["m2"]),
        (("get", "workflows", "--hardware", ""), ["m1", "m2"]),
        (("get", "workflows", "-n", "lab", "--hardware", ""), ["m2"]),
        (("get", "-n", "lab", "machines", ""), [MAC, "52:54:00:00:00:02"]),
    ):
        assert await operator.completed(*words) == names, words
