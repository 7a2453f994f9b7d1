"""What Osie uses of its host is named in one module, and nowhere else."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import osie
from osie.cli import doctor
from osie.core.host_tools import NEEDS, Need

SOURCE = Path(osie.__file__).parent
HOST_ROOMS = ("boots", "cli", "core", "image", "lab", "oci", "registry", "tink")
STARTERS = {"run", "popen", "Popen", "command", "create_subprocess_exec", "_apt"}
ELSEWHERE = {"lab/os_root.py", "core/process.py", "core/host_tools.py"}  # of a tree's inside; what PATH is
ROOTS_OF_MACHINES = ("image", "oci")  # their paths are those of the trees that they make
OTHERS = {"dpkg-query", "qemu-nbd"}  # asked whether it is there; of an action's image


def _modules() -> list[tuple[str, ast.Module]]:
    paths = [path for room in HOST_ROOMS for path in (SOURCE / room).rglob("*.py")]
    return [(str(path.relative_to(SOURCE)), ast.parse(path.read_text())) for path in sorted(paths)]


def _first_words(node: ast.AST) -> list[str]:
    """The programs that a call starts, as far as it names them itself."""
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    lists = (
        [each for each in node.args if isinstance(each, ast.List) and each.elts] if name in STARTERS else []
    )
    firsts = [each.elts[0] for each in lists]
    return [
        first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)
    ]


def test_every_program_that_is_started_is_named() -> None:
    """So `osie doctor` knows of it, and its package is tested for each release."""
    started = {word for _, tree in _modules() for node in ast.walk(tree) for word in _first_words(node)}
    assert len(started) > 10
    assert started - {need.name for need in NEEDS} - OTHERS == set()


def test_no_other_module_names_a_path_of_the_host() -> None:
    """A path that a release may move is in host_tools alone."""
    found = [
        f"{name}: {node.value}"
        for name, tree in _modules()
        if name not in ELSEWHERE and not name.startswith(ROOTS_OF_MACHINES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/usr/")
    ]
    assert found == []


def test_the_first_place_that_there_is_counts(tmp_path: Path) -> None:
    """Releases have a file at different places; where it is at none, the error names the newest's."""
    (tmp_path / "old").touch()
    places = (str(tmp_path / "new"), str(tmp_path / "old"))
    assert Need("rom", "dpkg", "lab", places).path == tmp_path / "old"
    assert Need("rom", "dpkg", "lab", places[:1]).path == tmp_path / "new"
    assert Need("rom", "dpkg", "lab", places[:1]).found() is None


def test_a_package_that_is_there_is_no_remedy() -> None:
    """`apt-get install` of what is installed changes nothing: where we looked is told instead."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("this host has no dpkg")
    told = doctor.remedy([Need("rom", "dpkg", "lab", ("/nowhere/rom", "/no/rom"))])
    assert told.startswith("dpkg is installed without it (looked for: /nowhere/rom, /no/rom)")
    absent = Need("tool", "osie-absent", "lab")
    assert doctor.remedy([absent]) == "apt-get install osie-absent"


@pytest.mark.parametrize(
    ("part", "reason"),
    [("build", "files of many owners"), ("serve", "ports below 1024"), ("lab", "namespaces")],
)
def test_each_part_says_why_it_needs_root(part: str, reason: str) -> None:
    """A server doesn't need it for root trees."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    script = f"import os; from osie.cli import doctor; os.seteuid(65534); doctor.require({part!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    line = done.stderr.splitlines()[-1]  # of the traceback
    others = {"files of many owners", "ports below 1024", "namespaces"} - {reason}
    assert reason in line and not any(other in line for other in others)
