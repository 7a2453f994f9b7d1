"""`osie render -o json` to the worker's file transport: the same actions as a server hands out."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osie.contracts import tink_pb2
from osie.tink.domain.resources import Kind, Ref
from osie.tink.grpc import agent_service
from osie.tink.grpc.calls import FOREVER_S
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store
from osie.worker.action import Action, Exhausted, Report, Run, State
from osie.worker.transport import file
from osie.worker.transport.file import FileTransport
from osie.worker.transport.grpc import GrpcSink, GrpcSource
from osie.worker.transport.link import Link

MAC = "52:54:00:00:00:01"
FILES = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {name: m1}
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
      - name: prepare
        worker: "{{ .device_1 }}"
        volumes: ["/dev:/dev"]
        environment: {STAGE: 1, SHARED: task}
        actions:
          - name: wipe
            image: quay.io/actions/wipe
            timeout: 60
            command: [wipe, --depth, 2, "a b", ""]
            volumes: ["/tmp:/worker:ro"]
            environment: {SHARED: action, DRY: false, NONE: null, EQUATION: "a=b"}
            retries: 1
            retry-backoff: 0
            on-failure: [say, failed]
            on-timeout: [say, late]
          - name: probe
            image: elsewhere.example/probe
            pid: host
            namespaces: {network: none, pid: "container:other"}
      - name: install
        actions:
          - {name: restart, image: quay.io/actions/reboot, timeout: 90, reboot: true}
          - name: write
            image: quay.io/actions/image2disk
            namespaces: {pid: host}
            retries: 2
            retry-backoff: 30
            on-timeout: [say, late]
---
apiVersion: tinkerbell.org/v1alpha1
kind: Workflow
metadata: {name: w1}
spec: {templateRef: install, hardwareRef: m1, hardwareMap: {device_1: "52-54-00-00-00-01"}}
"""
CONFIG = """\
network = {interface = "eth0", address = "10.0.0.1"}
boots = {artifacts = "/srv/osie"}
registry = {layout = "/srv/layout"}
tink = {rewrite_images = {"quay.io/" = "10.0.0.1:5000/"}, require_verified = true}
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What `osie render` prints of FILES and CONFIG."""
    folder = tmp_path_factory.mktemp("render")
    (folder / "files.yaml").write_text(FILES)
    (folder / "config.toml").write_text(CONFIG)
    given = ("-f", "files.yaml", "--config", "config.toml", "-o", "json")
    command = [sys.executable, "-m", "osie.cli", "render", *given]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture
def rendered(document: bytes, tmp_path: Path) -> Path:
    """That as the worker's file."""
    (tmp_path / "w.json").write_bytes(document)
    return tmp_path / "w.json"


class Clock:
    """The time of both. An hour passes before each question, so that no backoff is waited for."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The clock of both."""
    return Clock()


@pytest.fixture
async def tink(tmp_path: Path, clock: Clock) -> AsyncIterator[Tink]:
    """A server with FILES applied and a config as CONFIG."""
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'tink.db'}")
    rewrites = {"quay.io/": "10.0.0.1:5000/"}
    async with Tink(store, rewrite_images=rewrites, require_verified=True, tick_s=3600, now=clock) as tink:
        await tink.resources.apply([("files.yaml", FILES)])
        yield tink
    await store.close()


class Machine:
    """What a worker does, without the containers; it ends each action as it is told to."""

    def __init__(self, source: Any, sink: Any, clock: Clock) -> None:
        self._source, self._sink, self._clock = source, sink, clock

    async def next(self) -> Action | None:
        """The next action without its ids, which each source makes; None: there are no more."""
        self._clock.at += 3600
        try:
            action: Action | None = await self._source.next()
        except Exhausted:
            return None
        if action is None:
            return None
        await self._sink.write(Report(Run(action, self._clock.at), State.RUNNING))
        self.running = action
        timeout_s = 0 if action.timeout_s == FOREVER_S else action.timeout_s  # how the wire says: none
        return replace(action, workflow_id="", task_id="", action_id="", timeout_s=timeout_s)

    async def end(self, state: State) -> None:
        """The action that runs ends so."""
        await self._sink.write(Report(Run(self.running, self._clock.at), state, finished_at=self._clock.at))


def reboot(file: Path, times: Iterator[int]) -> None:
    """What was told so far was told before the machine's last start."""
    status = file.with_name(file.name + ".status")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    status.write_text(status.read_text().replace(boot, f"boot {next(times)}"))


async def test_steps_are_the_servers(rendered: Path, tink: Tink) -> None:
    """Retries, their backoff, hooks and reboot: as the server keeps them."""
    workflow = await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", "w1"))
    assert [
        (step.retries, step.retries and step.backoff_s, step.on_failure, step.on_timeout, step.reboot)
        for step in file.read(rendered, MAC).steps
    ] == [
        (
            action.retries,
            action.retries and action.retry_backoff_s,
            action.on_failure,
            action.on_timeout,
            action.reboot,
        )
        for task in workflow.tasks
        for action in task.actions
    ]


@pytest.mark.parametrize(
    ("endings", "names"),
    [
        ("FAILED SUCCESS SUCCESS reboot SUCCESS", "wipe wipe probe restart write"),
        ("FAILED FAILED SUCCESS", "wipe wipe wipe.on-failure"),
        ("FAILED TIMEOUT FAILED", "wipe wipe wipe.on-timeout"),
        (
            "SUCCESS SUCCESS reboot TIMEOUT FAILED TIMEOUT SUCCESS",
            "wipe probe restart write write write write.on-timeout",
        ),
        ("SUCCESS SUCCESS FAILED", "wipe probe restart"),
    ],
)
async def test_a_file_hands_out_what_the_server_does(
    rendered: Path, tink: Tink, clock: Clock, endings: str, names: str
) -> None:
    """However its actions end, the machine is handed the same ones in the same order, field by field."""
    async with agent_service.serve(tink.agents, "127.0.0.1:0") as port:
        link = Link("127.0.0.1", port, None)
        served = Machine(GrpcSource(link, MAC, tink_pb2.AgentAttributes), GrpcSink(link), clock)
        file = FileTransport(rendered, MAC, clock=clock)
        alone = Machine(file, file, clock)
        ran, boots = [], iter(range(9))
        for ending in endings.split():
            action = await alone.next()
            assert action is not None
            assert action == await served.next()
            ran.append(action.name)
            if ending == "reboot":
                reboot(rendered, boots)
            else:
                await alone.end(State[ending])
                await served.end(State[ending])
        assert (await alone.next(), " ".join(ran)) == (None, names)
        link.close()
    workflow = await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", "w1"))
    assert (workflow.ended, file.failed) == (True, workflow.state != "SUCCESS")
