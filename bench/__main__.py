"""`make bench`: the demo's timeline and the write rate; writes bench/results.json and the page in docs/."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import page, write_rate
from osie.cli.demo.timeline import EVENTS
from osie.core.errors import OsieError
from osie.core.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]


def demo(folder: Path, number: int) -> dict[str, Any]:
    """One run of `osie demo`; its report."""
    report = folder / f"report-{number}.json"
    print(f"demo, run {number + 1}", flush=True)
    argv = [sys.executable, "-m", "osie.cli", "demo", "--report", str(report)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OsieError(f"the demo failed: {done.stdout[-2000:]}")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def timeline(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Median, least and most of each event's seconds since power-on."""
    rows = []
    for event in EVENTS:
        times = [row["at_s"] for report in reports for row in report["timeline"] if row["event"] == event]
        rows.append(
            {"event": event, "median_s": statistics.median(times), "min_s": min(times), "max_s": max(times)}
        )
    return rows


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="osie-bench-", dir="/var/tmp") as name:
        reports = [demo(Path(name), number) for number in range(runs)]
        print("write rate", flush=True)
        rate = asyncio.run(write_rate.measure(Path(name) / "rate", runs))
    results = {
        "runs": runs,
        "host": {"machine": platform.machine(), "cpus": len(os.sched_getaffinity(0))},
        "accelerator": reports[0]["accelerator"],
        "firmware": reports[0]["firmware"],
        "memory_mib": reports[0]["memory_mib"],
        "artifacts": reports[0]["artifacts"],
        "timeline": timeline(reports),
        "peak_used_mib": [report["memory"]["peak_used_mib"] for report in reports],
        "restarts": sum(report["restarts"] for report in reports),
        "write": rate,
    }
    write_atomically(ROOT / "bench/results.json", json.dumps(results, indent=2) + "\n")
    write_atomically(ROOT / "docs/reference/boot-timeline.svg", page.chart(results["timeline"]))
    write_atomically(ROOT / "docs/reference/benchmarks.md", page.render(results))
    print((ROOT / "docs/reference/benchmarks.md").read_text())


main()
