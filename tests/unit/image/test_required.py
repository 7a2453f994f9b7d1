"""What a machine can't start without is looked for in a root: all that lacks is told at once."""

import shutil
from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.image.profile.profile import File, Profile
from osie.image.root import required

LIBRARIES = "usr/lib/x86_64-linux-gnu"
PODMAN = {
    "busybox-static": ["/usr/bin/busybox"],
    "libc6": [f"/{LIBRARIES}/ld-linux-x86-64.so.2"],
    "libkmod2": [f"/{LIBRARIES}/libkmod.so.2"],
    "libgcc-s1": [f"/{LIBRARIES}/libgcc_s.so.1"],
    "udev": ["/usr/lib/systemd/systemd-udevd", "/usr/bin/udevadm"],
    "iproute2": ["/usr/bin/ip"],
    "kmod": ["/usr/sbin/modprobe"],
    "python3-minimal": ["/usr/bin/python3"],
    "libpython3.13-minimal": ["/usr/lib/python3.13/os.py", "/usr/lib/python3.13/json/decoder.py"],
    "base-passwd": ["/usr/share/base-passwd/passwd.master", "/usr/share/base-passwd/group.master"],
    "crun": ["/usr/bin/crun"],
    "podman": ["/usr/bin/podman"],
    "conmon": ["/usr/bin/conmon"],
}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The packages of a ramdisk with Podman, unpacked, with dpkg's lists of their files."""
    info = tmp_path / "packages/var/lib/dpkg/info"
    info.mkdir(parents=True)
    for package, paths in PODMAN.items():
        (info / f"{package}.list").write_text("".join(f".{path}\n" for path in paths))
        for path in paths:
            place = tmp_path / f"packages{path}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return tmp_path / "packages"


@pytest.fixture
def root(tmp_path: Path, packages: Path) -> Path:
    """All of that, to take something from."""
    return shutil.copytree(packages, tmp_path / "root")


def _profile(engine: str = "podman", *own: str, without: tuple[str, ...] = ()) -> Profile:
    files = [File(path=path, content="") for path in ("/usr/lib/podman/netavark", *own)]
    return Profile.model_validate(
        {
            "name": "mine",
            "suite": "trixie",
            "packages": ["udev"],
            "engine": engine,
            "files": files,
            "without_packages": without,
            "places": {"without_packages:udev": "mine.toml: without_packages.0"},
        }
    )


def test_a_whole_root_is_no_error(packages: Path, root: Path) -> None:
    """With what a profile has in its own files for a package's, too."""
    required.check(_profile(), root, packages)
    (root / "usr/bin/conmon").unlink()
    required.check(_profile("podman", "/bin/conmon"), root, packages)


def test_all_that_lacks_is_told_with_its_package_and_why(packages: Path, root: Path) -> None:
    """Left out as a package, with that place; by a pattern; or never asked for."""
    for path in PODMAN["udev"] + PODMAN["kmod"] + PODMAN["libpython3.13-minimal"]:
        (root / path.lstrip("/")).unlink()
    (root / "usr/bin/ip").rename(root / "usr/bin/python3.13")
    (root / "usr/bin/python3").unlink()
    (root / "usr/bin/python3").symlink_to("/usr/bin/python3.14")
    with pytest.raises(OsieError) as caught:
        required.check(_profile("docker", without=("udev",)), root, packages)
    assert str(caught.value).splitlines() == [
        "profile mine: no machine would start from this ramdisk, it lacks:",
        "    /usr/lib/systemd/systemd-udevd, of the package udev, which the profile leaves out"
        " (mine.toml: without_packages.0)",
        "    /usr/bin/udevadm, of the package udev, which the profile leaves out"
        " (mine.toml: without_packages.0)",
        "    /usr/bin/ip, of the package iproute2, which the profile leaves out, by its exclude",
        "    /usr/sbin/modprobe, of the package kmod, which the profile leaves out, by its exclude",
        "    /usr/bin/python3.14, of the package python3-minimal",
        "    /usr/lib/python3.*/os.py, of the package libpython3.13-minimal, which the profile leaves out,"
        " by its exclude",
        "    /usr/lib/python3.*/json/decoder.py, of the package libpython3.13-minimal, which the profile"
        " leaves out, by its exclude",
        "    /usr/sbin/dockerd, of the package docker.io",
        "    /usr/bin/containerd, of the package containerd",
        "    /usr/bin/containerd-shim-runc-v2, of the package containerd",
        "    /usr/sbin/xtables-nft-multi, of the package iptables",
    ]


def _program(root: Path, at: str) -> None:
    place = root / at.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path("/bin/sh").resolve(), place)


def test_a_profiles_program_without_its_libraries_is_told(root: Path) -> None:
    """With its place, and each library and loader; not where the profile brings the library somewhere."""
    mine = _profile("podman", "/opt/tool").model_copy(
        update={"places": {"files:/opt/tool": "x.toml: files.1"}}
    )
    _program(root, "/opt/tool")
    with pytest.raises(OsieError) as caught:
        required.check_libraries(mine, root)
    told = "    x.toml: files.1: /opt/tool: it needs libc.so.6, /lib64/ld-linux-x86-64.so.2"
    assert told in str(caught.value).splitlines()
    _program(root, "/usr/lib64/ld-linux-x86-64.so.2")
    required.check_libraries(_profile("podman", "/opt/tool", "/opt/libc.so.6"), root)


def test_a_library_that_a_needed_program_lacks_is_told(packages: Path, root: Path) -> None:
    """Be the program whole: before anything of the root is run to compile its Python."""
    _program(root, "/usr/bin/python3")
    with pytest.raises(OsieError, match=r"\n    /usr/bin/python3: it needs libc\.so\.6, /lib64/ld-linux"):
        required.check(_profile(), root, packages)


def test_a_damaged_program_is_not_ours_to_judge(root: Path) -> None:
    """A file that only begins as a program does is kept as it is."""
    (root / "opt").mkdir()
    (root / "opt/half").write_bytes(Path("/bin/sh").resolve().read_bytes()[:100])
    required.check_libraries(_profile("podman", "/opt/half"), root)
