"""What an action loads before its first line: on a slow machine a quarter of a second is 100 modules."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import osie

_COSTLY = {"ast", "dataclasses", "inspect"}  # dataclasses brings the others, 77 ms under TCG


@pytest.mark.parametrize("action", ["image2disk", "oci2disk", "qemuimg2disk", "archive2disk"])
def test_costly_modules_are_not_loaded(action: str) -> None:
    """Nor by what they import: whoever needs one has to find this test first."""
    script = f"import sys, osie.actions.{action}.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-S", "-s", "-c", script],
        env={"PYTHONPATH": f"{Path(osie.__file__).parents[1]}:{sysconfig.get_path('purelib')}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"osie.actions.{action}.settings" in loaded.stdout.split()
    assert not _COSTLY & set(loaded.stdout.split())
