"""`make bench-build`: how long `osie build` takes; writes bench/build.json and the page in docs/reference."""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import packages_at_hand

from osie.cli.workshop import PROFILES
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.image.profile import profile

ROOT = Path(__file__).resolve().parents[1]
_CPUS = 2  # what the targets are given for
_STEP = re.compile(r"✓ (\S+) +([0-9.]+) s +(\S+ MB)")
_UNCHANGED, _OURS, _SHARED, _COLD = (
    "unchanged",
    "a line of the ramdisk's code",
    "a line of code that everything has",
    "cold",
)
_TARGETS_S = {_UNCHANGED: 2, _OURS: 15, _SHARED: 15, _COLD: 90}


@dataclass(frozen=True)
class Run:
    """One `osie build`."""

    seconds: float  # wall clock, from the command's start to its end
    cpu_seconds: float  # of all its processes: what a busy host doesn't change much
    steps: list[tuple[str, float, str]]  # name, seconds, size of those that had something to do


@dataclass(frozen=True)
class Bench:
    """A copy of our code, which can be changed, and where its builds go."""

    folder: Path
    profile: str

    def prepare(self) -> None:
        """Make the copy, with all that it needs beside it."""
        for name in ("src", "profiles"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def build(self, cache: Path) -> Run:
        """Build as a person does, and measure it."""
        argv = [sys.executable, "-m", "osie.cli", "build", "--profile", self.profile]
        argv += ["--output", str(self.folder / "out")]
        environment = {**os.environ, "OSIE_CACHE": str(cache), "PYTHONPATH": str(self.folder / "src")}
        begun, busy = time.monotonic(), _children_seconds()
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        if done.returncode != 0:
            raise OsieError(f"osie build failed: {done.stderr[-2000:]}")
        steps = [(name, float(took), size) for name, took, size in _STEP.findall(done.stdout)]
        return Run(round(seconds, 2), round(_children_seconds() - busy, 2), steps)

    def change(self, name: str, number: int) -> None:
        """Change one of our files."""
        with (self.folder / "src/osie" / name).open("a") as file:
            file.write(f"\nCHANGED = {number}\n")


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def measure(bench: Bench, runs: int, cold_runs: int) -> dict[str, list[Run]]:
    """Each kind of build, so many times."""
    wanted = profile.load(bench.profile, PROFILES)
    cache = packages_at_hand.seed(bench.folder / "cache/build", wanted).parent
    bench.build(cache)  # downloads what isn't there yet, and compiles our own byte code

    def after(name: str) -> Callable[[int], Run]:
        def run(number: int) -> Run:
            bench.change(name, number)
            return bench.build(cache)

        return run

    kinds: dict[str, Callable[[int], Run]] = {
        _UNCHANGED: lambda _: bench.build(cache),
        _OURS: after("ramdisk/__init__.py"),
        _SHARED: after("core/__init__.py"),
    }
    found = {name: [kind(number) for number in range(runs)] for name, kind in kinds.items()}
    found[_COLD] = []
    for number in range(cold_runs):
        for path in (cache / "build").iterdir():
            if not path.name.startswith(("deb-", "package-", ".l")):
                shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(cache / "images")
        found[_COLD].append(bench.build(cache))
        print(f"  cold {number + 1}: {found[_COLD][-1].seconds} s", flush=True)
    return found


def page(results: dict[str, Any]) -> str:
    """docs/reference/build-speed.md."""
    lines = [
        "# How long a build takes",
        "",
        "Made by `make bench-build`; the figures are in `bench/build.json`. Wall clock of the whole"
        f" command on {results['cpus']} CPUs of a {results['machine']} host. Load average"
        f" {results['load'][0]:.1f} when it began, {results['load'][1]:.1f} at the end (the builds themselves"
        f" make up to {results['cpus']}). Above 1 at the beginning, the wall clock tells more of the host"
        " than of the build; the CPU seconds of all processes, the median, tell more then.",
        "",
        "| build | profile | target | median | least | most | CPU seconds | runs |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, kinds in results["profiles"].items():
        for kind, runs in kinds.items():
            seconds = [run["seconds"] for run in runs]
            cpu = statistics.median(run["cpu_seconds"] for run in runs)
            lines.append(
                f"| {kind} | {name} | {_TARGETS_S[kind]} s | {statistics.median(seconds):.1f} s |"
                f" {min(seconds):.1f} | {max(seconds):.1f} | {cpu:.1f} | {len(seconds)} |"
            )
    lines += [
        "",
        "Cold: nothing in the cache but the downloaded packages and the mirror's lists. Code that everything"
        " has (`osie.core`) is in the ramdisk, in the worker's image and in each action's.",
    ]
    for name, kinds in results["profiles"].items():
        slowest = max(kinds[_COLD], key=lambda run: run["seconds"])
        lines += ["", f"## A cold build of {name}, step by step", "", "| step | seconds | size |"]
        lines += ["| --- | ---: | ---: |"]
        lines += [f"| {step} | {took:.1f} | {size} |" for step, took, size in slowest["steps"]]
    lines += ["", "The images (`oci-`) are made beside the root, so the times overlap.", ""]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(prog="make bench-build ARGS=")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cold-runs", type=int, default=3)
    parser.add_argument("--profiles", nargs="+", default=["default", "slim", "virtual"])
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CPUS])
    before = os.getloadavg()[0]
    found = {}
    for chosen in options.profiles:
        print(chosen, flush=True)
        with tempfile.TemporaryDirectory(prefix="osie-bench-build-", dir="/var/tmp") as name:
            bench = Bench(Path(name), chosen)
            bench.prepare()
            found[chosen] = measure(bench, options.runs, options.cold_runs)
    results = {
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": [before, os.getloadavg()[0]],
        "profiles": {
            name: {kind: [vars(run) for run in runs] for kind, runs in kinds.items()}
            for name, kinds in found.items()
        },
    }
    write_atomically(ROOT / "bench/build.json", json.dumps(results, indent=2) + "\n")
    write_atomically(ROOT / "docs/reference/build-speed.md", page(results))
    print(page(results))


if __name__ == "__main__":
    main()
