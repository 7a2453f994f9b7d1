"""`osie demo`, as a newcomer runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from osie.cli.demo.performance import Built
from osie.cli.demo.timeline import EVENTS
from osie.cli.workshop import PROFILES
from osie.image.profile import profile

# A machine may reset before its worker could report the success.
SIDE_BY_SIDE = {"network_up", "engine_up", "workflow_success"}


def _demo(*arguments: str | Path) -> tuple[subprocess.CompletedProcess[str], int]:
    """What became of the demo, and its process's id."""
    argv = [sys.executable, "-m", "osie.cli", "demo", *map(str, arguments)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        try:
            stdout, stderr = demo.communicate(timeout=900)
        finally:
            demo.terminate()  # it takes the machine and the network down
    return subprocess.CompletedProcess(argv, demo.returncode, stdout, stderr), demo.pid


def _left_by(pid: int) -> list[str]:
    """The namespaces that this process made and that are still there: as files, mounts, or folders."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    folders = [str(path) for path in Path("/run/osie/lab").glob("*")]
    told = [*listed.splitlines(), *Path("/proc/mounts").read_text().splitlines(), *folders]
    return [line for line in told if f"osie-{pid}-" in line]


@pytest.mark.parametrize(
    ("name", "memory_mib", "limit_bytes", "firmware"),
    [
        ("default", 768, 110_000_000, "bios"),
        ("default", 1024, 110_000_000, "uefi"),  # OVMF itself takes more than SeaBIOS
        ("slim", 512, 64_000_000, "bios"),
        ("virtual", 512, 48_000_000, "bios"),
    ],
)
def test_power_on_to_installed_os(
    built: Built, tmp_path: Path, name: str, memory_mib: int, limit_bytes: int, firmware: str
) -> None:
    """Each profile, within its size, installs an OS larger than the memory it promises to need.

    The OS starts from its disk and says so; nothing of the lab is left.
    """
    promised = profile.load(name, PROFILES)
    assert promised.memory_min_mib <= memory_mib
    assert promised.size_budget_bytes is not None
    assert built.os.raw_size_bytes > memory_mib << 20
    options = ("--profile", name, "--memory", str(memory_mib), "--firmware", firmware)
    done, pid = _demo(*options, "--report", tmp_path / "r.json")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "The machine booted from its own disk" in done.stdout
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["result"], report["firmware"], report["memory_mib"]) == ("success", firmware, memory_mib)
    assert [row["event"] for row in report["timeline"]] == list(EVENTS)
    ordered = [row["at_s"] for row in report["timeline"] if row["event"] not in SIDE_BY_SIDE]
    assert ordered == sorted(ordered)
    assert 100 < report["memory"]["peak_used_mib"] < memory_mib
    assert sum(report["artifacts"].values()) <= min(limit_bytes, promised.size_budget_bytes)
    assert _left_by(pid) == []


def test_a_demo_that_fails_says_which_and_why(built: Built, tmp_path: Path) -> None:
    """A wrong image: exit status 1, the action's name and its reason, in the report too."""
    assert built.os.path.exists()
    quickest = ("--profile", "virtual", "--memory", "512")
    done, _ = _demo(*quickest, "--fault", "digest", "--report", tmp_path / "r.json")
    assert done.returncode == 1
    assert "The demo failed" in done.stdout
    assert "write-os" in done.stdout
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["result"] == "failure"
    assert "write-os" in report["reason"]
    assert "os_up" not in {row["event"] for row in report["timeline"]}
