"""Upstream's agents of both generations, unchanged, against our server, with a real Docker Engine."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from osie.tink.domain.resources import Kind, Ref

from . import workflows
from .conftest import IMAGE, MACS, Ours, ours
from .programs import ENDED, Program, ended, poll, reaches, until

Start = Callable[[Ours, str], Program]


@pytest.fixture(params=["agent", "worker"])
def start(request: pytest.FixtureRequest, engine_socket: str, tmp_path: Path) -> Start:
    """Makes a program for a server and an agent's id: the current agent, and the older worker."""

    def make(server: Ours, mac: str) -> Program:
        log = tmp_path / f"{request.param}-{mac[-2:]}.log"
        if request.param == "agent":
            options = ["--id", mac, "--grpc-server", f"127.0.0.1:{server.port}"]
            options += ["--docker-socket", engine_socket, "--backoff-max-interval", "1s"]
            return Program([os.environ["OSIE_TINK_AGENT"], *options], {}, log)
        environment = {
            "ID": mac,
            "TINKERBELL_GRPC_AUTHORITY": f"127.0.0.1:{server.older_port}",
            "TINKERBELL_TLS": "false",
            "RETRY_INTERVAL": "300ms",
            "DOCKER_HOST": f"unix://{engine_socket}",
        }
        return Program([os.environ["OSIE_TINK_WORKER"]], environment, log)

    return make


async def apply(server: Ours, *documents: dict[str, object]) -> None:
    """Apply them, with two machines."""
    machines = [
        workflows.hardware(f"m{number}", mac, f"10.0.0.{number}") for number, mac in enumerate(MACS, start=1)
    ]
    await server.tink.resources.apply([("all.yaml", workflows.dump(*machines, *documents))])


async def test_everything(server: Ours, start: Start, shared: Path) -> None:
    """All that an action may have runs to its end: pulled from our registry by a rewritten name."""
    workflows.prepare(shared)
    await apply(server, workflows.template(workflows.everything(shared, IMAGE)), workflows.workflow(MACS[:1]))
    async with start(server, MACS[0]) as program:
        status = await ended(server, program)
    assert status["state"] == "SUCCESS", program.printed
    workflows.check(shared)


async def test_no_timeout(server: Ours, start: Start, shared: Path) -> None:
    """A timeout of 0 is none, although upstream's agent takes the number for a deadline."""
    action = workflows.action("endless", IMAGE, "sleep 2; echo done > /shared/done", timeout=0)
    await apply(server, workflows.template([workflows.task(shared, [action])]), workflows.workflow(MACS[:1]))
    async with start(server, MACS[0]) as program:
        status = await ended(server, program)
    assert status["state"] == "SUCCESS", program.printed
    assert (shared / "done").read_text() == "done\n"


async def test_failure(server: Ours, start: Start, shared: Path) -> None:
    """An action that fails ends the workflow, and what follows it is not begun."""
    actions = [
        workflows.action("fails", IMAGE, "echo once >> /shared/once; exit 3"),
        workflows.action("never", IMAGE, "echo never > /shared/never"),
    ]
    await apply(server, workflows.template([workflows.task(shared, actions)]), workflows.workflow(MACS[:1]))
    async with start(server, MACS[0]) as program:
        status = await ended(server, program)
    assert status["state"] == "FAILED", program.printed
    assert (shared / "once").read_text() == "once\n"
    assert not (shared / "never").exists()


async def test_timeout(server: Ours, start: Start, shared: Path) -> None:
    """An action that takes too long is stopped by the agent, and reported as TIMEOUT."""
    actions = [workflows.action("slow", IMAGE, "exec sleep 600", timeout=2)]
    await apply(server, workflows.template([workflows.task(shared, actions)]), workflows.workflow(MACS[:1]))
    async with start(server, MACS[0]) as program:
        status = await ended(server, program)
    assert status["state"] == "TIMEOUT", program.printed


async def test_two_machines(server: Ours, start: Start, shared: Path) -> None:
    """Tasks of two agents hand over in order, and back."""
    tasks = [
        {
            **workflows.task(
                shared, [workflows.action(name, IMAGE, f"echo {name} >> /shared/order")], number
            ),
            "name": name,
        }
        for number, name in ((1, "first"), (2, "second"), (1, "third"))
    ]
    await apply(server, workflows.template(tasks), workflows.workflow(MACS))
    async with start(server, MACS[0]) as program, start(server, MACS[1]):
        status = await ended(server, program)
    assert status["state"] == "SUCCESS", program.printed
    assert (shared / "order").read_text().split() == ["first", "second", "third"]


async def test_ours_alone(server: Ours, start: Start, shared: Path) -> None:
    """Retries, conditions and hooks are the server's doing: upstream's agents run them without knowing."""
    actions = [
        workflows.action("again", IMAGE, "[ -e /shared/tried ] || { touch /shared/tried; exit 1; }",
                         retries=1, **{"retry-backoff": 1}),
        workflows.action("skipped", IMAGE, "touch /shared/skipped",
                         **{"if": 'eq .actions.again.state "FAILED"'}),
        workflows.action("fails", IMAGE, "exit 1", **{"on-failure": ["/bin/sh", "-c", "touch /shared/hook"]}),
    ]  # fmt: skip
    await apply(server, workflows.template([workflows.task(shared, actions)]), workflows.workflow(MACS[:1]))
    async with start(server, MACS[0]) as program:
        status = await ended(server, program)
    assert status["state"] == "FAILED", program.printed
    assert workflows.names(shared) == ["hook", "tried"]


@pytest.mark.parametrize("gone", ["deleted", "cancelled"])
async def test_a_workflow_goes(server: Ours, start: Start, shared: Path, gone: str) -> None:
    """A workflow that is gone before its action ends keeps nobody from the next, once started again."""
    action = workflows.action("long", IMAGE, "touch /shared/ran; until [ -e /shared/go ]; do sleep 0.1; done")
    await apply(server, workflows.template([workflows.task(shared, [action])]), workflows.workflow(MACS[:1]))
    async with start(server, MACS[0]) as program:
        await until((shared / "ran").exists, program)
        ref = Ref(Kind.WORKFLOW, "default", "w")
        if gone == "deleted":
            await server.tink.resources.delete(ref, force=True)
        else:
            await server.tink.operations.cancel(ref, who="operator")
        (shared / "go").touch()
        task = workflows.task(shared, [workflows.action("next", IMAGE, "touch /shared/next")])
        await apply(server, workflows.template([task], "t2"), workflows.workflow(MACS[:1], "w2", "t2"))

        async def look() -> dict[str, Any]:
            await program.start_again_if_ended()
            return await server.status("w2")

        status = await poll(look, lambda status: status["state"] in ENDED, program)
    assert status["state"] == "SUCCESS", program.printed


async def test_the_server_is_gone_for_a_while(
    start: Start, shared: Path, registry: str, tmp_path: Path
) -> None:
    """A server that goes away while an action runs, and comes back after its end, loses nothing of it."""
    actions = [
        workflows.action(
            "long", IMAGE, "until [ -e /shared/go ]; do sleep 0.1; done; echo x >> /shared/long"
        ),
        workflows.action("after", IMAGE, "echo x >> /shared/after"),
    ]
    async with AsyncExitStack() as stack:
        async with ours(tmp_path, registry) as server:
            await apply(
                server, workflows.template([workflows.task(shared, actions)]), workflows.workflow(MACS[:1])
            )
            program = await stack.enter_async_context(start(server, MACS[0]))
            await reaches(server, program, frozenset({"RUNNING"}))
        (shared / "go").touch()
        await until((shared / "long").exists, program)
        async with ours(tmp_path, registry, (server.port, server.older_port)) as server:
            status = await ended(server, program)
    assert status["state"] == "SUCCESS", program.printed
    assert (shared / "long").read_text() == "x\n"
    assert (shared / "after").read_text() == "x\n"
