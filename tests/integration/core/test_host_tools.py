"""What Osie relies on of its host, against the packages of each release that it runs on."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from releases import RELEASES, Release

from osie.core.errors import OsieError
from osie.core.host_tools import NEEDS
from osie.image.artifacts import squash
from osie.lab import disk

ROOT = Path(__file__).parents[3]
PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
TOOLS = ("e2fsprogs", "dosfstools", "mtools", "fdisk", "squashfs-tools", "zstd", "cpio", "coreutils", "tar")
LINE = re.compile(r"(?P<name>[a-z0-9.+-]+)(?: \[(?P<but>[^]]*)\])?")


@pytest.fixture(params=RELEASES, ids=lambda release: release.codename)
def release(request: pytest.FixtureRequest) -> Release:
    """A release whose packages can be had. Debian's must: Osie is made of them."""
    if os.geteuid() != 0:
        pytest.skip("mmdebstrap needs root")
    found: Release = request.param
    try:
        found.names()
    except OsieError as error:
        if found.codename != "noble":
            raise
        pytest.skip(f"Ubuntu's packages can't be had here: {error}")
    return found


def _listed(codename: str) -> list[str]:
    lines = [
        line
        for kind in ("", "-dev")
        for line in (ROOT / f"debian-packages{kind}.txt").read_text().split("\n")
    ]
    found = [match for line in lines if (match := LINE.fullmatch(line))]
    return [match["name"] for match in found if f"!{codename}" not in (match["but"] or "").split()]


def test_the_release_has_every_package(release: Release) -> None:
    """What scripts/setup installs there is."""
    listed, there = _listed(release.codename), release.names()
    assert set(listed) - there == set()
    assert ("docker-cli" in listed) == ("docker-cli" in there)  # where it is, docker.io has no client


def test_each_package_has_what_we_use_of_it(release: Release, tmp_path: Path) -> None:
    """Every program is in a folder of PATH, every file at one of the places where we look for it."""
    files = release.files(sorted({need.package for need in NEEDS}), tmp_path)
    for need in NEEDS:
        places = need.places or tuple(f"{folder}/{need.name}" for folder in PROGRAM_FOLDERS)
        there = {path.rstrip("/") for path in files[need.package]}
        assert there & set(places), f"{release.codename}: {need.package} has none of {places}"


def test_the_lab_disk_is_made_by_the_tools_of_each_release(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their options and what they print are what we rely on: the disk is whole, and its files are dated."""
    (tmp_path / "bin").mkdir()
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/hostname").write_text("lab\n")
    with monkeypatch.context() as patch:
        patch.setenv(
            "PATH", f"{release.programs(TOOLS, tmp_path / 'bin')}:{os.environ['PATH']}:/usr/sbin:/sbin"
        )
        disk.create(tmp_path / "disk.raw", tree)
    device = f"{tmp_path}/disk.raw?offset={disk.ROOT.start_mib * disk.MIB}"
    shown = _output("debugfs", "-R", "stat /etc/hostname", device)
    assert all(
        re.search(rf"{time}: .* Tue Jul  1 00:00:00 2025", shown) for time in (" ctime", "atime", "crtime")
    )
    assert "BOOTX64" in _output(
        "mdir", "-b", "-i", f"{tmp_path}/disk.raw@@{disk.ESP.start_mib}M", "::/EFI/BOOT"
    )
    assert _output("sfdisk", "--dump", str(tmp_path / "disk.raw")).count("uuid=") == len(disk.PARTITIONS)
    assert subprocess.run(["e2fsck", "-fn", device], check=False, capture_output=True).returncode == 0


def test_file_systems_are_made_by_the_tools_of_each_release(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mksquashfs takes each of our forms, and extends what it made."""
    (tmp_path / "bin").mkdir()
    for name in ("first", "second"):
        (tmp_path / name / name).mkdir(parents=True)
        (tmp_path / name / name / "file").write_text(name)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{release.programs(TOOLS, tmp_path / 'bin')}:{os.environ['PATH']}")
        for form in squash.FORMS:
            base, more, most = (tmp_path / f"{form}.{number}" for number in range(3))
            squash.create(base, tmp_path / "first", form)
            squash.extend(base, more, tmp_path / "second")
            squash.extend_as_it_is(base, most, tmp_path / "second")
            for image in (more, most):
                assert {"second/file", "first/file"} <= {
                    line.partition("squashfs-root/")[2]
                    for line in _output("unsquashfs", "-l", str(image)).split("\n")
                }


def _output(*argv: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env={"PATH": path, "TZ": "UTC"})
    return done.stdout
