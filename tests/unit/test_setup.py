"""scripts/setup on a host that isn't as it should be: one clear line, and nothing left."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

RELEASE = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
CODENAME = RELEASE[1] if RELEASE else ""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder with a blank and an umlaut, that asks for no package; tmp/ is its TMPDIR."""
    folder = tmp_path / "my pläce"
    (folder / "scripts").mkdir(parents=True)
    (folder / "tmp").mkdir()
    shutil.copy(ROOT / "scripts/setup", folder / "scripts/setup")
    for name in ("pyproject.toml", "requirements.lock"):
        (folder / name).write_text("# nothing\n")
    (folder / "debian-packages.txt").write_text("# nothing\n")
    return folder


def _environment(checkout: Path, **more: str) -> dict[str, str]:
    return {"PATH": PATH, "TMPDIR": str(checkout / "tmp"), "LC_ALL": "C", **more}


def _run(checkout: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", checkout / "scripts/setup"], capture_output=True, text=True, timeout=60, check=False,
        env=_environment(checkout, **more),
    )  # fmt: skip


def _stub(checkout: Path, name: str, script: str) -> str:
    """A program that comes before the host's; the PATH for it."""
    folder = checkout / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{PATH}"


def test_what_a_user_lacks_is_named(checkout: Path) -> None:
    """Without root nothing is installed: the packages are told, and how to get them."""
    (checkout / "debian-packages.txt").write_text("dpkg\nosie-absent\nosie-other [!warty]\n")
    done = _run(checkout, PATH=_stub(checkout, "id", "echo 1000"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "setup: this host lacks osie-absent osie-other",
        "  try: apt-get install osie-absent osie-other, as root",
    ]
    assert list((checkout / "tmp").iterdir()) == []


def test_a_package_of_other_releases_is_not_asked_for(checkout: Path) -> None:
    """`NAME [!RELEASE]`: and with all packages there, no root is needed for the next step."""
    (checkout / "debian-packages.txt").write_text(f"dpkg\nosie-absent [!warty !{CODENAME}]\n")
    path = _stub(checkout, "id", "echo 1000")
    _stub(checkout, "python3", "case $1 in --version) echo Python 3.9.1;; *) exit 1;; esac")
    done = _run(checkout, PATH=path)
    assert done.stderr.splitlines()[0] == "setup: Python 3.9.1 is too old: 3.11 is the least"


def test_an_unreachable_mirror_is_told_as_that(checkout: Path) -> None:
    """Not as packages that there aren't, which is how apt-get install tells it."""
    if os.geteuid() != 0:
        pytest.skip("apt-get needs root")
    apt = checkout / "apt"
    for folder in ("etc", "state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "etc/sources.list").write_text("deb [trusted=yes] http://127.0.0.1:9/debian trixie main\n")
    (apt / "apt.conf").write_text(
        f'Dir::Etc "{apt}/etc"; Dir::State "{apt}/state"; Dir::Cache "{apt}/cache"; Debug::NoLocking "true";'
        ' Acquire::Retries "0";'
    )
    (checkout / "debian-packages.txt").write_text("osie-absent\n")
    done = _run(checkout, APT_CONFIG=str(apt / "apt.conf"))
    assert done.returncode == 1
    first, hint = done.stderr.splitlines()
    assert first.startswith("setup: no packages can be had: http://127.0.0.1:9/debian/dists/trixie/InRelease")
    assert "is the network up" in hint
    assert list((checkout / "tmp").iterdir()) == []


def test_a_host_without_apt_is_told_so(checkout: Path) -> None:
    """No dead end of a remedy that isn't there."""
    (checkout / "bin").mkdir()
    for name in ("sh", "dirname", "mktemp", "rm"):
        (checkout / "bin" / name).symlink_to(f"/usr/bin/{name}")
    done = _run(checkout, PATH=str(checkout / "bin"))
    assert done.returncode == 1
    assert done.stderr.startswith("setup: this host has no apt-get: it must be Debian 12 or later")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_one_line(number: signal.Signals, status: int, checkout: Path) -> None:
    """While the environment is made: its program ends too, nothing stays, no stamp calls it whole."""
    hang = f"[ $1 = -c ] && exit; mktemp; echo >'{checkout}/begun'; exec sleep 60"
    path = _stub(checkout, "python3", hang)
    child = subprocess.Popen(
        ["sh", checkout / "scripts/setup"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=_environment(checkout, PATH=path), start_new_session=True,
    )  # fmt: skip
    with child:
        while not (checkout / "begun").exists():
            assert child.poll() is None, child.communicate()
        os.killpg(child.pid, number)
        said, errors = child.communicate(timeout=30)
    assert (child.returncode, errors) == (status, "setup: interrupted; the next run goes on from here\n")
    assert said.startswith("setup: making .venv with the ")
    assert list((checkout / "tmp").iterdir()) == []
    assert not (checkout / ".venv/.runtime").exists()


def test_what_is_whole_is_not_made_again(checkout: Path) -> None:
    """The stamp names the lock and the folder: without root, network or pip there is nothing to do."""
    venv = checkout / ".venv/bin"
    venv.mkdir(parents=True)
    (venv / "osie").touch(mode=0o755)
    lock = b"".join((checkout / name).read_bytes() for name in ("requirements.lock", "pyproject.toml"))
    key = hashlib.sha256(lock).hexdigest()
    (checkout / ".venv/.runtime").write_text(f"{key} {checkout}\n")
    done = _run(checkout, PATH=_stub(checkout, "python3", "exit 1"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# As setuptools does it (_encode_pth in its editable_wheel.py): in the locale's encoding.
PIP = """\
import os, site, sys
if sys.argv[-2] == "-e":
    with open(site.getsitepackages()[0] + "/__editable__.osie-0.1.0.pth", "w", encoding="locale") as file:
        file.write(os.getcwd() + "/src")
"""


def test_the_folder_s_name_is_no_matter_to_python(checkout: Path) -> None:
    """Where the locale lacks its umlaut, the environment is made, and its programs find what is in src/."""
    (checkout / "pip").mkdir()
    (checkout / "pip/__main__.py").write_text(PIP)
    (checkout / "src").mkdir()
    (checkout / "src/osie_here.py").write_text("print('here')\n")
    make = f"'{sys.executable}' -m venv --without-pip .venv && cp -r pip .venv/lib/python3*/site-packages/"
    done = _run(checkout, PATH=_stub(checkout, "python3", f"[ $1 = -c ] && exit; {make}"), PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    found = subprocess.run(
        [checkout / ".venv/bin/python", "-c", "import osie_here"], capture_output=True, text=True, timeout=60,
        check=False, env=_environment(checkout),
    )  # fmt: skip
    assert (found.stdout, found.stderr) == ("here\n", "")
