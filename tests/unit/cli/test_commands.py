"""The command line, as a process: what a person sees."""

import subprocess
import sys
from pathlib import Path

import pytest

from osie.cli import show
from osie.cli.demo import scenario
from osie.cli.doctor import NEEDS
from osie.cli.main import _COMMANDS

ROOT = Path(__file__).resolve().parents[3]


def _osie(*arguments: str, path: str = "/usr/sbin:/usr/bin:/sbin:/bin") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from osie.cli.main import main; main()", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": path},
    )  # fmt: skip


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_command_has_help(command: str) -> None:
    """`osie COMMAND --help` works for each command that `osie` lists."""
    done = _osie(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: osie" in done.stdout


def test_no_server_is_one_clear_line() -> None:
    """Nobody listens: the address, a hint, exit status 1, no traceback."""
    done = _osie("get", "workflows", "--server", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no Osie server answers at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_kind_names_the_kinds() -> None:
    """A typo gets the list of what there is."""
    done = _osie("get", "workflow-s")
    assert done.returncode == 1
    assert "hardware, machines, templates, workflows" in done.stderr


def test_doctor_names_the_package_of_what_is_missing(tmp_path: Path) -> None:
    """With an empty PATH every program is missing, and the exit status says so."""
    done = _osie("doctor", path=str(tmp_path))
    assert done.returncode == 1
    assert "apt-get install" in done.stdout
    assert "mmdebstrap" in done.stdout


def test_the_set_up_installs_what_doctor_asks_for() -> None:
    """doctor and scripts/setup can't disagree about the packages."""
    listed = {line for line in (ROOT / "debian-packages.txt").read_text().split("\n") if line[:1] != "#"}
    assert {need.package for need in NEEDS} <= listed


def test_tables_show_what_matters() -> None:
    """A running workflow's row has its state, action and percentage."""
    item = {
        "metadata": {"name": "w"},
        "spec": {"hardwareRef": "h", "templateRef": "t"},
        "status": {
            "state": "RUNNING",
            "currentAction": {
                "action": "a",
                "attempt": 2,
                "attempts": 4,
                "progress": {"phase": "write", "done": 1, "total": 4, "unit": "bytes"},
            },
        },
    }
    row = show.table("workflows", [item]).columns
    assert [next(iter(column.cells)) for column in row][:7] == [
        "w",
        "h",
        "t",
        "[cyan]RUNNING[/]",
        "a",
        "2/4",
        "write 25%",
    ]


def test_a_disabled_workflow_is_seen_to_be_so() -> None:
    """Beside the state, where a silent agent is told, too."""
    item = {"metadata": {"name": "w"}, "spec": {}, "status": {"state": "PREPARING", "disabled": True}}
    cells = [next(iter(column.cells)) for column in show.table("workflows", [item]).columns]
    assert "PREPARING [yellow]disabled[/]" in cells


def test_the_scenario_s_values_reach_the_workflow() -> None:
    """Each value of the run is in the workflow's hardwareMap, and none in the template."""
    run = scenario.Run("8c1f", "http://i/x", "sha256:00", 3, "http://p/")
    texts = dict(scenario.files(run))
    for value in ("8c1f", "http://i/x", "sha256:00", "http://p/"):
        assert value in texts["workflow.yaml"]
        assert value not in texts["template.yaml"]
