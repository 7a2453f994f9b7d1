"""The how-tos, followed to the letter."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import osie
from osie.cli.workshop import PROFILES

HOW_TO = PROFILES.parent / "docs/how-to/customise-the-ramdisk.md"
_FENCED = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(os.geteuid() != 0, reason="building needs root")
def test_the_tool_the_driver_and_the_file_are_in_the_ramdisk(tmp_path: Path) -> None:
    """Every command of the page succeeds, in order; the built image has all that was added."""
    script = "".join(_FENCED.findall(HOW_TO.read_text()))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.removeprefix("squashfs-root/") for line in done.stdout.splitlines()}
    assert "usr/sbin/ethtool" in listed
    assert "etc/motd" in listed
    assert [line for line in listed if line.endswith("/drivers/net/ethernet/intel/igb/igb.ko")]
    assert [line for line in listed if line.startswith("usr/lib/firmware/bnx2/")]
    assert [line for line in listed if line.endswith("/actions/reboot/__main__.py")]


_FILE = re.compile(r"^ {3}```python (\S+)\n(.*?)^ {3}```$", re.DOTALL | re.MULTILINE)


def test_the_action_of_the_page_works_as_it_stands_there(tmp_path: Path) -> None:
    """Its files alone make an action that is listed, shown and run; one with a fault is told in one line."""
    package = tmp_path / "osie"
    shutil.copytree(Path(osie.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    page = (PROFILES.parent / "docs/how-to/write-an-action.md").read_text()
    files = _FILE.findall(page)
    assert len(files) == 3
    for name, text in files:
        path = tmp_path / name.removeprefix("src/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", "from osie.cli.main import main; main()", "action", *arguments]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert "wipe          The action that makes a disk unbootable" in run("list").stdout
    assert "  DEST_DISK  (must be set)\n  PRETEND\n" in run("show", "wipe").stdout
    disk = tmp_path / "disk"
    disk.write_bytes(b"\xaa" * (4 << 20))
    done = run("run", "wipe", f"DEST_DISK={disk}")
    assert (done.returncode, done.stdout) == (0, f"wiped both ends of {disk}\n")
    assert disk.read_bytes() == bytes(1 << 20) + b"\xaa" * (2 << 20) + bytes(1 << 20)
    wiping = package / "actions/wipe/wiping.py"
    wiping.write_text(wiping.read_text().replace("from collections.abc import Mapping\n", ""))
    (package / "actions/wipe/__init__.py").write_text("")
    faulty = run("show", "wipe")
    assert faulty.returncode == 1
    assert faulty.stderr == (
        "osie: osie.actions.wipe.__main__ can't be imported: NameError: name 'Mapping' is not defined\n"
    )
    assert run("list").returncode == 0
