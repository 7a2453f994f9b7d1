"""The rule for tests that meet a fault of QEMU's emulator, on tests made for it."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest
from osie.lab.machine import TcgFault

MADE, MET = [], []

@pytest.fixture(scope="module")
def rack():
    MADE.append("a rack")
    yield len(MADE)

@pytest.fixture
def machine(rack):
    MET.append("in a fixture")
    if MET.count("in a fixture") == 1:
        raise TcgFault("while it boots")

def test_ends_well(rack):
    assert rack == 1

def test_meets_it_once(rack):
    MET.append("here")
    if MET.count("here") == 1:
        try:
            raise TcgFault("int3")
        except TcgFault as fault:
            raise AssertionError("what follows from it") from fault
    assert rack == 2

def test_keeps_the_new_rack(rack):
    assert rack == 2

def test_meets_it_while_it_is_set_up(machine, rack):
    assert rack == 3

def test_meets_it_always():
    raise TcgFault("int3")

def test_fails_by_itself():
    MET.append("failure")
    assert MET.count("failure") == 2
"""


def test_only_the_emulators_fault_begins_a_test_anew(tmp_path: Path) -> None:
    """With all fixtures made anew, three times at most; it is told; any other failure stays one."""
    (tmp_path / "test_it.py").write_text(TESTS)
    plugins = [
        "-p",
        "begun_anew",
        *(f"-pno:{name}" for name in ("cacheprovider", "xdist", "hypothesispytest")),
    ]
    argv = [sys.executable, "-m", "pytest", *plugins, "-q", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stdout.splitlines()
    assert "2 failed, 4 passed" in last[-1], done.stdout
    assert {line.split()[1] for line in last if line.startswith("FAILED")} == {
        "test_it.py::test_meets_it_always",
        "test_it.py::test_fails_by_itself",
    }
    told = {line.partition(": ")[0]: line for line in last if "faults of the emulator: " in line}
    assert {name.partition("::")[2] for name in told} == {
        "test_meets_it_once",
        "test_meets_it_while_it_is_set_up",
        "test_meets_it_always",
    }
    assert "faults of the emulator: 1, begun anew" in told["test_it.py::test_meets_it_once"]
