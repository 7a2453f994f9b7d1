"""A server that crashes at every single write of a workflow: it ends once, with each effect applied once."""

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bench import soak_machines, soak_work
from bench.soak_verdict import judge
from osie.tink.domain.resources import Kind, Ref
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

from . import crashing_server
from .conftest import MAC, TEMPLATE, manifests

WORKFLOW = Ref(Kind.WORKFLOW, "default", "install-m1")
ACTIONS = """\
          - {name: write, image: i, retries: 1, retry-backoff: 0}
          - {name: skipped, image: i, if: 'eq .actions.write.attempt 1'}
          - {name: restart, image: i, reboot: true}
          - {name: check, image: i, on-failure: [tidy]}
"""


def long_story() -> list[tuple[str, str]]:
    """A workflow with a further attempt, a condition, a reboot and a hook."""
    hardware, _, workflow = manifests()
    return [hardware, ("template.yaml", TEMPLATE.split("          - name: write")[0] + ACTIONS), workflow]


class Fate:
    """The first run of `write` fails, and so does `check`."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def __call__(self, action_id: str, name: str) -> bool:
        """Whether a run succeeds."""
        first = self._first.setdefault(name, action_id) == action_id
        return not (name == "check" or (name == "write" and first))


@pytest.mark.parametrize("lose_the_next", [False, True], ids=["after-commit", "before-commit"])
async def test_a_crash_at_each_write(url: str, tmp_path: Path, lose_the_next: bool) -> None:
    """Each life of the server is one write long. After the commit the answer is lost, before it the write."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = await Store.open(url)
    await Tink(store).resources.apply(long_story())
    fate = Fate()
    machine = soak_machines.Machine(MAC, soak_machines.Journal(tmp_path / "begun.jsonl"), 0.0, fate)
    working = asyncio.create_task(soak_machines.live(machine, [port], boot_s=0.0))
    lives = 0
    async with asyncio.timeout(500):
        while not (await Queries(store).workflow(WORKFLOW)).ended:
            await _life(store, url, port, lose_the_next)
            lives += 1
            if working.done():
                working.result()
    working.cancel()
    await asyncio.wait({working})
    told = await soak_work.told(store)
    await store.close()
    verdict = judge(told, soak_machines.begun(tmp_path), fate)
    assert verdict.faults == []
    workflow, events = told["default/install-m1"]
    assert [(action.name, action.state, action.attempt) for action in workflow.tasks[0].actions] == [
        ("write", "SUCCESS", 2),
        ("skipped", "SKIPPED", 1),
        ("restart", "SUCCESS", 1),
        ("check", "FAILED", 1),
    ]
    assert (workflow.state, workflow.cause) == ("FAILED", "action")
    assert [event["action"] for event in events].count("check.on-failure") == 2  # RUNNING, SUCCESS
    assert lives > 10


_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(
    ["osie.tink.grpc.agent_service", "osie.tink.service.service"]
)  # a life begins in no time


async def _looks() -> AsyncGenerator[None, None]:
    """Moments at which to look again: nothing wakes us for "crashed, or nothing left to do"."""
    while True:
        yield
        await asyncio.sleep(0.02)


async def _life(store: Store, url: str, port: int, lose_the_next: bool) -> None:
    """A server, from its start to its crash, or to the workflow's end."""
    process: BaseProcess = _forkserver.Process(target=crashing_server.run, args=(url, port, lose_the_next))
    process.start()
    try:
        async with aclosing(_looks()) as looks:
            async for _ in looks:
                if process.exitcode is not None or (await Queries(store).workflow(WORKFLOW)).ended:
                    break
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
    assert process.exitcode in {137, -9}
