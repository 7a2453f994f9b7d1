"""`make bench-boot`: from the kernel's first line to the worker's first GetAction, phase by phase.

A machine netboots as in the demo: BIOS, iPXE, the real server. It finds no work; its first GetAction ends the
run. Writes bench/boot.json, docs/reference/boot-speed.md and its chart.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rack import hardware_yaml
from rich.console import Console

from bench import boot_page
from bench.boot_times import PHASES, Boot
from osie.cli.demo.stage import Stage
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.lab import accelerator, qemu
from osie.lab.machine import TcgFault, VirtualMachine, create_disk

ROOT = Path(__file__).resolve().parents[1]
_MAC = "52:54:00:05:1e:b0"
_UP_S = 240.0
_DISK_BYTES = 1 << 30


@dataclass
class Series:
    """The runs of one profile on one machine."""

    profile: str
    cpus: int
    memory_mib: int
    boots: list[Boot] = field(default_factory=list)
    faults: int = 0  # of the emulator: the run was started over
    loads: list[float] = field(default_factory=list)  # the host's load average before each run

    def result(self) -> dict[str, Any]:
        """Each phase's median and spread, in seconds since the kernel's first line."""
        return {
            "profile": self.profile,
            "cpus": self.cpus,
            "memory_mib": self.memory_mib,
            "runs": len(self.boots),
            "restarts": self.faults,
            "host_load": round(statistics.median(self.loads), 1),
            "phases": [self._phase(name) for name in PHASES],
            "read_bytes": statistics.median(boot.read_bytes or 0 for boot in self.boots),
        }

    def _phase(self, name: str) -> dict[str, Any]:
        ends = [boot.ends[name] for boot in self.boots]
        return {
            "phase": name,
            "start_s": round(statistics.median(boot.starts[name] for boot in self.boots), 2),
            "median_s": round(statistics.median(ends), 2),
            "min_s": round(min(ends), 2),
            "max_s": round(max(ends), 2),
        }


async def _first_request(stage: Stage, machine: VirtualMachine) -> float:
    """When the server saw the worker's first GetAction of this power cycle, in unix seconds."""
    deadline = time.monotonic() + _UP_S
    while time.monotonic() < deadline:
        if machine.tcg_fault:
            raise TcgFault(machine.tcg_fault.text)
        for event in (await stage.client.request("GET", f"/machines/{_MAC}/events"))["items"]:
            if event["event"] == "worker_up" and event["at"] > machine.powered_on_at:
                return float(event["at"])
        await asyncio.sleep(0.5)  # asked seldom: the server shares the machine's processors
    raise OsieError(f"no GetAction within {_UP_S:.0f} s; see {stage.workdir}/console.log")


async def _boot(stage: Stage, machine: VirtualMachine, series: Series) -> Boot:
    while True:
        try:
            await machine.power_on()
            asked_at = await _first_request(stage, machine)
        except TcgFault as fault:
            series.faults += 1
            print(f"  {fault}; once more", flush=True)
            continue
        finally:
            await machine.cut()
        lines = [(line.at, line.text) for line in machine.console.lines if line.at >= machine.powered_on_at]
        return Boot.read(lines, asked_at)


async def measure(series: Series, runs: int, artifacts: Path, layout: Path, workdir: Path) -> None:
    """Fill the series."""
    images = workdir / "images"
    images.mkdir(parents=True)
    async with Stage(workdir, artifacts=artifacts, layout=layout, images=images) as stage:
        await stage.client.apply([("hardware.yaml", hardware_yaml("boot", _MAC, 0))])
        disk = workdir / "disk.raw"
        create_disk(disk, _DISK_BYTES)
        hardware = qemu.Hardware("boot", _MAC, disk, memory_mib=series.memory_mib, cpus=series.cpus)
        log = workdir / "console.log"
        best = accelerator.best()
        async with VirtualMachine(stage.network, hardware, log=log, accelerated_by=best) as machine:
            for number in range(runs):
                series.loads.append(os.getloadavg()[0])
                series.boots.append(await _boot(stage, machine, series))
                print(f"  run {number + 1}: {series.boots[-1].ends['get_action']:.1f} s", flush=True)


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(prog="make bench-boot ARGS=")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--profile", action="append", help="may be given several times (default)")
    parser.add_argument("--cpus", type=int, action="append", help="may be given several times (2 and 1)")
    parser.add_argument("--memory", type=int, default=1024, help="MiB")
    parser.add_argument("--dry", action="store_true", help="print the figures and write nothing")
    given = parser.parse_args()
    series = []
    with tempfile.TemporaryDirectory(prefix="osie-bench-boot-", dir="/var/tmp") as name:
        for profile in given.profile or ["default"]:
            with TerminalProgress(Console()) as progress:
                workshop = Workshop.at(cache_root(), progress)
                workshop.ramdisk(profile, Path(name) / profile)
            for cpus in given.cpus or [2, 1]:
                print(f"{profile}, -smp {cpus}", flush=True)
                series.append(Series(profile, cpus, given.memory))
                folder = Path(name) / f"{profile}-{cpus}"
                asyncio.run(measure(series[-1], given.runs, Path(name) / profile, workshop.layout, folder))
    measured = [each.result() for each in series]
    results = {
        "accelerator": accelerator.best().partition(",")[0],
        "host_cpus": len(os.sched_getaffinity(0)),
        "series": measured,
    }
    page = boot_page.render(results)
    if not given.dry:
        write_atomically(ROOT / "bench/boot.json", json.dumps(results, indent=2) + "\n")
        write_atomically(ROOT / "docs/reference/boot-speed.svg", boot_page.chart(measured))
        write_atomically(ROOT / "docs/reference/boot-speed.md", page)
    print(page)


if __name__ == "__main__":
    main()
