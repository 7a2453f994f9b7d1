"""`make soak-tink`: hundreds of simulated workers, all killed at random; docs/reference/soak-tink.md."""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import soak_machines, soak_page, soak_server, soak_work
from bench.soak_databases import Database, database
from bench.soak_processes import Supervisor
from bench.soak_verdict import judge
from bench.soak_work import Plan, manifests
from osie.core.files import write_atomically
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

ROOT = Path(__file__).resolve().parents[1]
_MACHINES_A_PROCESS = 25
_KILL_EVERY_S = 3.0  # on average
_AWAY_S = 3.0  # at most, until what was killed is started again
_LEAST_LIFE_S = 15.0  # of a server: on a busy host it takes a while to start


async def _kill_at_random(supervisor: Supervisor, held: Database, until: float) -> Counter[str]:
    kills: Counter[str] = Counter()
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(0, 2 * _KILL_EVERY_S))
        kind = random.choices(["server", "workers", "database"], [3, 8, 1])[0]
        if kind == "database":
            kills[kind] += await asyncio.to_thread(held.crash)
        else:
            name, least_s = random.choice(supervisor.names(kind)), _LEAST_LIFE_S if kind == "server" else 0.0
            kills[kind] += supervisor.kill(name, random.uniform(0, _AWAY_S), least_s)
        supervisor.look()
    return kills


def _ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(made.getsockname()[1]) for made in sockets]
    for made in sockets:
        made.close()
    return ports


async def soak(plan: Plan, held: Database, folder: Path, drain_s: float) -> dict[str, Any]:
    """One soak."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.soak_machines", "bench.soak_server"])
    supervisor = Supervisor(context)
    ports = _ports(held.servers)
    store = await Store.open(held.url)
    await Tink(store).resources.apply(manifests(plan))
    print(f"  {plan.workflows} workflows applied", flush=True)
    for number, port in enumerate(ports):
        supervisor.add(f"server {number}", soak_server.run, held.url, port, folder / f"server-{number}.log")
    for number, start in enumerate(range(0, plan.machines, _MACHINES_A_PROCESS)):
        macs = plan.macs[start : start + _MACHINES_A_PROCESS]
        files = (folder / f"{number}.jsonl", folder / f"workers-{number}.log")
        supervisor.add(f"workers {number}", soak_machines.run, macs, ports, *files, plan.action_s)
    begun = time.monotonic()
    try:
        supervisor.look()
        kills = await _kill_at_random(supervisor, held, begun + 60 * plan.minutes)
        print(f"  killing is over: {dict(kills)}", flush=True)
        deadline = time.monotonic() + drain_s
        while await _left(store) and time.monotonic() < deadline:
            supervisor.look()
            await asyncio.sleep(1)
        seconds = time.monotonic() - begun
    finally:
        supervisor.end()
    verdict = judge(await soak_work.told(store), await asyncio.to_thread(soak_machines.begun, folder))
    await store.close()
    return {
        **asdict(plan),
        **asdict(verdict),
        "workflows": plan.workflows,
        "servers": held.servers,
        "seconds": round(seconds),
        "kills": dict(kills),
        "ended_alone": supervisor.ended_alone,
    }


async def _left(store: Store) -> int:
    try:
        return await soak_work.unended(store)
    except sa.exc.SQLAlchemyError:  # our own connections broke when the database crashed
        return 1


def main() -> int:
    """Soak on each database, and write it down."""
    parser = argparse.ArgumentParser(prog="make soak-tink ARGS=")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--action-s", type=float, default=40, help="an action's mean duration")
    parser.add_argument("--each", type=int, default=2, help="workflows of a machine, one after the other")
    parser.add_argument("--on", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--drain-minutes", type=float, default=20, help="at most, for the rest to end")
    parser.add_argument("--write", action="store_true", help="write bench/soak_tink.json and the page")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end what runs, as Ctrl-C does
    plan = Plan(options.machines, options.minutes, options.action_s, options.each)
    sound = True
    for kind in options.on:
        print(f"{kind}: {plan.machines} machines, {plan.minutes:g} minutes", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="osie-soak-", dir="/var/tmp"))
        with database(kind) as held:
            result = asyncio.run(soak(plan, held, folder, 60 * options.drain_minutes))
        _tell(result, folder)
        sound = sound and not result["faults"]
        if options.write:
            _write(kind, result)
    return 0 if sound else 1


def _write(kind: str, result: dict[str, Any]) -> None:
    file = ROOT / "bench/soak_tink.json"
    soaks = json.loads(file.read_text()) if file.exists() else {}
    soaks[kind] = result | {"cpus": os.cpu_count(), "host": platform.machine(), "load": os.getloadavg()[0]}
    write_atomically(file, json.dumps(soaks, indent=1) + "\n")
    write_atomically(ROOT / "docs/reference/soak-tink.md", soak_page.render(soaks))


def _tell(result: dict[str, Any], folder: Path) -> None:
    faults: Sequence[str] = result["faults"]
    print(json.dumps({key: value for key, value in result.items() if key != "faults"}), flush=True)
    if faults:
        print(
            "\n".join([*faults[:20], f"{len(faults)} faults; logs and journals are in {folder}"]), flush=True
        )
    else:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
