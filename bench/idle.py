"""`make bench-idle`: what a rack of machines that wait for work costs the server, and how soon one begins.

The server answers their questions at once, or holds them (`tink.hold_s`): both are measured in one run.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench import idle_page, soak_machines
from bench.soak_processes import Supervisor
from bench.soak_work import Plan, manifests
from osie.cli import config
from osie.core.files import write_atomically
from osie.tink.grpc import agent_service
from osie.tink.service.dispatch import Dispatch
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

ROOT = Path(__file__).resolve().parents[1]
_MACHINES_A_PROCESS = 25
_SETTLE_S = 45.0  # switched on within 20 s, each then asks faster at first
_APART_S = 0.5
_TEMPLATE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: one}
spec:
  data: |
    version: "0.1"
    name: one
    tasks: [{name: t, worker: "{{ .machine }}", actions: [{name: a, image: i}]}]
"""


def _workflow(number: int, mac: str) -> tuple[str, str]:
    spec = {"templateRef": "one", "hardwareRef": f"m{number}", "hardwareMap": {"machine": mac}}
    name = f"w{number}"
    kind = {"apiVersion": "tinkerbell.org/v1alpha1", "kind": "Workflow", "metadata": {"name": name}}
    return name, json.dumps({**kind, "spec": spec})


class Counted(Dispatch):
    """Counts questions, and notes when each workflow was first reported on."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.calls: Counter[str] = Counter()
        self.began: defaultdict[str, asyncio.Future[float]] = defaultdict(asyncio.Future)

    async def get_action(self, *arguments: Any, **options: Any) -> Any:
        """A question."""
        self.calls["get_action"] += 1
        return await super().get_action(*arguments, **options)

    async def report(self, workflow_id: str, *arguments: Any, **options: Any) -> None:
        """The first report says RUNNING."""
        if not self.began[workflow_id].done():
            self.began[workflow_id].set_result(time.monotonic())
        await super().report(workflow_id, *arguments, **options)


@asynccontextmanager
async def _rack(plan: Plan, hold_s: float, folder: Path) -> AsyncIterator[tuple[Tink, Counted]]:
    """A server in this process, and the workers in others."""
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'tink.db'}")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.soak_machines"])
    supervisor = Supervisor(context)
    async with Tink(store) as tink:
        agents = Counted(store, tink.notifier)
        await tink.resources.apply([*manifests(plan), ("template", _TEMPLATE)])
        async with agent_service.serve(agents, "127.0.0.1:0", hold_s=hold_s) as port:
            for number, start in enumerate(range(0, plan.machines, _MACHINES_A_PROCESS)):
                macs = plan.macs[start : start + _MACHINES_A_PROCESS]
                files = (folder / f"{number}.jsonl", folder / f"{number}.log")
                supervisor.add(f"workers {number}", soak_machines.run, macs, [port], *files, plan.action_s)
            supervisor.look()
            try:
                yield tink, agents
            finally:
                supervisor.end()
        await agents.close()
    await store.close()


async def _measure(plan: Plan, hold_s: float, seconds: float, begin: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="osie-idle-", dir="/var/tmp") as folder:
        async with _rack(plan, hold_s, Path(folder)) as (tink, agents):
            await asyncio.sleep(_SETTLE_S)
            cpu_s, calls = time.process_time(), agents.calls["get_action"]
            await asyncio.sleep(seconds)
            cpu_s, calls = time.process_time() - cpu_s, agents.calls["get_action"] - calls
            waits = [await _begins_after(tink, agents, n, plan.macs[n]) for n in range(begin)]
    return {
        "hold_s": hold_s,
        "questions_per_s": calls / seconds,
        "cpu": cpu_s / seconds,
        "begins_s": {"median": statistics.median(waits), "most": max(waits)},
    }


async def _begins_after(tink: Tink, agents: Counted, number: int, mac: str) -> float:
    """Seconds from the applied workflow to its first action's RUNNING."""
    await asyncio.sleep(_APART_S)
    name, text = _workflow(number, mac)
    await tink.resources.apply([(name, text)])
    applied = time.monotonic()
    async with asyncio.timeout(120):
        return await agents.began[f"default/{name}"] - applied


async def _all(options: argparse.Namespace) -> Sequence[dict[str, Any]]:
    plan = Plan(options.machines, minutes=0, action_s=1.0, each=0)
    told = []
    for hold_s in (0.0, config.Tink().hold_s):
        print(f"{plan.machines} machines, questions held for up to {hold_s:g} s", flush=True)
        told.append(await _measure(plan, hold_s, options.seconds, options.begin))
        print(f"  {json.dumps(told[-1])}", flush=True)
    return told


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(prog="make bench-idle ARGS=")
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60, help="how long the idle rack is watched")
    parser.add_argument("--begin", type=int, default=40, help="machines that then get a workflow")
    options = parser.parse_args()
    result = {
        "machines": options.machines,
        "seconds": options.seconds,
        "begin": options.begin,
        "cpus": os.cpu_count(),
        "runs": asyncio.run(_all(options)),
    }
    write_atomically(ROOT / "bench/idle.json", json.dumps(result, indent=1) + "\n")
    write_atomically(ROOT / "docs/reference/idle-rack.md", idle_page.render(result))


if __name__ == "__main__":
    main()
