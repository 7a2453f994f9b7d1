"""The how-to about customising the ramdisk: its commands, run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
