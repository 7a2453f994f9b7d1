"""The whole build with real packages: what comes out, and what a second build costs."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import ipxe_at_hand
import packages_at_hand
import pytest
import zstandard

from osie.cli.workshop import build_cache
from osie.contracts import artifacts
from osie.core.cache import Cache, Silent
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.image.artifacts import parts
from osie.image.profile import profile
from osie.image.root import elf, selection
from osie.image.steps import Steps

from .conftest import Workshop

_FIRMWARE = re.compile(rb"\0firmware=([^\0]+)(?=\0)")  # in a module's .modinfo
ARTIFACTS = (artifacts.KERNEL, artifacts.INITRAMFS)
FROM_THE_ROOT_ON = ["root", "squash", "squash-worker", "squash-ours", "initramfs", "parts"]


def _unpacked(workshop: Workshop, into: Path) -> Path:
    """The initramfs, unpacked as the kernel does it: a compressed archive, then a plain one."""
    into.mkdir()
    data = (workshop.output / artifacts.INITRAMFS).read_bytes()
    first = zstandard.ZstdDecompressor().decompressobj()
    starting = first.decompress(data)
    rest = first.unused_data.lstrip(b"\0")
    assert rest.startswith(b"070702")
    assert (len(data) - len(rest)) % 4 == 0
    for archive, wanted in ((starting, ["modules.load", "modules/*"]), (rest, ["root.squashfs"])):
        subprocess.run(["cpio", "-i", "-d", "--quiet", *wanted], input=archive, cwd=into, check=True)
    return into


def test_the_artifacts_are_as_the_manifest_says(workshop: Workshop) -> None:
    """manifest.json has the agreed keys: both files with sizes and digests, and the packages in them."""
    manifest = json.loads((workshop.output / artifacts.MANIFEST).read_text())
    assert manifest["profile"] == "small"
    assert (manifest["arch"], manifest["engine"]) == ("x86_64", "docker")
    assert tuple(one["name"] for one in manifest["artifacts"]) == ARTIFACTS
    for one in manifest["artifacts"]:
        path = workshop.output / one["name"]
        assert one == {"name": path.name, "size": path.stat().st_size, "sha256": sha256_of_file(path)}
    packages = {one["name"]: one["version"] for one in manifest["packages"]}
    assert {
        "kmod",
        "libc6",
        "python3.13-minimal",
        f"linux-image-{manifest['kernel_release']}",
    } <= packages.keys()
    assert "tiny-initramfs" not in packages  # nothing of it is in the artifacts
    assert parts.total(manifest["parts"]) == sum(one["size"] for one in manifest["artifacts"])


def test_ipxe_comes_from_the_ramdisks_suite(workshop: Workshop) -> None:
    """Its binaries are beside the kernel as Debian has them, whatever the host has; the manifest names them.

    One that is damaged is replaced.
    """
    manifest, _ = workshop.build()
    folder = workshop.output / artifacts.IPXE
    told = {Path(one.name).name: one.sha256 for one in manifest.loaders}
    assert told == {path.name: sha256_of_file(path) for path in folder.iterdir()}
    assert {"undionly.kpxe", "snponly.efi", "ipxe.efi", "ipxe-arm64.efi"} == told.keys()
    assert told["snponly.efi"] == sha256_of_file(ipxe_at_hand.folder() / "snponly.efi")
    assert [one["version"] for one in manifest.packages if one["name"] == "ipxe"]
    os.truncate(folder / "snponly.efi", 1000)
    assert workshop.build()[1].done == ["artifacts"]
    assert sha256_of_file(folder / "snponly.efi") == told["snponly.efi"]


def test_the_root_holds_what_the_machine_starts_from(workshop: Workshop, tmp_path: Path) -> None:
    """In the packed root: init, our byte code, the worker's image, the CA bundle, the profile's own file."""
    image = _unpacked(workshop, tmp_path / "initramfs") / "root.squashfs"
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-d", tmp_path / "root", image], check=True)
    root = tmp_path / "root"
    assert (root / "usr/sbin/init").readlink() == Path("../bin/busybox")
    assert (root / "etc/motd").read_text() == "small"
    assert (root / "etc/inittab").readlink() == Path("/osie/root/etc/inittab")
    assert (root / "osie/root/etc/inittab").is_file()
    assert (root / "usr/lib/osie/docker").readlink() == Path("/osie-worker/docker")
    folders = (root / "osie-worker/docker/overlay2").iterdir()
    (layer,) = (path for path in folders if (path / "diff").is_symlink())
    assert (layer / "diff").readlink() == Path("/osie-worker/layers/0")
    assert (root / "osie-worker/layers/0/usr/lib/osie/worker.txt").read_text() == "the worker\n"
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text().count("BEGIN CERTIFICATE") > 100
    ours = root / "osie/python/osie"
    assert sorted(path.name for path in ours.iterdir() if path.is_dir() and path.name[0] != "_") == [
        "contracts",
        "core",
        "ramdisk",
    ]
    assert not list(ours.rglob("*_pb2*"))
    (byte_code,) = (ours / "core/__pycache__").glob("process.*.pyc")
    assert byte_code.read_bytes()[4:8] == (1).to_bytes(4, "little")  # PEP 552: by hash, not checked


def test_its_python_runs_and_nothing_lacks_a_library(workshop: Workshop) -> None:
    """In the root, Python imports what our code needs, and every ELF file finds its libraries."""
    root = Steps(
        workshop.profile, Cache(workshop.folder / "cache", Silent()), workshop.folder / "worker.tar"
    ).root
    code = "import ssl, http.client, asyncio, ctypes, lzma, hashlib\n"
    code += "print(len(ssl.create_default_context().get_ca_certs()))"
    printed = run(["chroot", root / "tree", "/usr/bin/python3", "-S", "-B", "-c", code])
    assert int(printed.stdout) > 100
    assert elf.missing(root / "tree") == {}


def test_modules_to_load_first_are_in_order_and_plain(workshop: Workshop, tmp_path: Path) -> None:
    """/modules.load names the modules that mount the root, each of them in the archive, decompressed."""
    initramfs = _unpacked(workshop, tmp_path / "initramfs")
    order = (initramfs / "modules.load").read_text().split()
    assert {"/modules/loop.ko", "/modules/squashfs.ko", "/modules/overlay.ko"} <= set(order)
    for place in order:
        assert (initramfs / place.lstrip("/")).read_bytes()[:4] == b"\x7fELF"


def test_nothing_changed_costs_nothing(workshop: Workshop) -> None:
    """A second build does no step, touches no artifact, and takes less than two seconds of a processor."""
    before = {name: (workshop.output / name).stat().st_mtime_ns for name in ARTIFACTS}
    begun = os.times()
    _, seen = workshop.build()
    assert sum(os.times()[:4]) - sum(begun[:4]) < 2
    assert seen.done == []
    assert {name: (workshop.output / name).stat().st_mtime_ns for name in ARTIFACTS} == before


def test_a_change_to_our_python_repacks_only_that(workshop: Workshop) -> None:
    """Neither the packages nor the root are done again for a changed line of ours; its undoing is free."""
    changed = workshop.source / "ramdisk/__init__.py"
    original = changed.read_text()
    first, _ = workshop.build()
    changed.write_text(original + "\nCHANGED = True\n")
    second, seen = workshop.build()
    assert seen.done == ["squash-ours", "initramfs", "parts", "artifacts"]
    assert first.artifacts != second.artifacts
    changed.write_text(original)
    third, seen = workshop.build()
    assert seen.done == ["artifacts"]
    assert third == first


@pytest.mark.parametrize(
    ("name", "change", "done"),
    [
        ("busybox", lambda old: old + b"newer", ["initramfs", "parts", "artifacts"]),
        ("modules.load", lambda old: old.rpartition(b"\n")[0], ["initramfs", "parts", "artifacts"]),
        ("modules.json", lambda old: old + b"\n", ["parts"]),
    ],
)
def test_what_lies_beside_the_roots_tree_reaches_the_ramdisk(
    workshop: Workshop, name: str, change: Callable[[bytes], bytes], done: list[str]
) -> None:
    """A root with the same tree and another busybox, or other modules to start with, is another ramdisk."""
    first, _ = workshop.build()
    cache = Cache(workshop.folder / "cache", Silent())
    beside = Steps(workshop.profile, cache, workshop.folder / "worker.tar", workshop.source).root / name
    original = beside.read_bytes()
    try:
        beside.write_bytes(change(original))
        second, seen = workshop.build()
    finally:
        beside.write_bytes(original)
    assert seen.done == done
    assert (second.artifacts != first.artifacts) == ("initramfs" in done)
    third, _ = workshop.build()
    assert third == first


def test_same_inputs_same_bytes(workshop: Workshop) -> None:
    """Everything after the packages' download, done again in another place, gives the same bytes.

    Whatever the umask, which stays as it was.
    """
    first, _ = workshop.build()
    other = packages_at_hand.seed(workshop.folder / "other-cache", workshop.profile)
    for step in ("packages", "ipxe"):
        (unpacked,) = (workshop.folder / "cache").glob(f"{step}-*")
        (other / unpacked.name).symlink_to(unpacked)
    before = os.umask(0o077)
    try:
        second, seen = workshop.build(cache="other-cache")
    finally:
        left = os.umask(before)
    assert left == 0o077
    assert seen.done == FROM_THE_ROOT_ON
    assert second == first


def test_more_than_the_budget_is_an_error_and_changes_nothing(workshop: Workshop) -> None:
    """A result that is too big is told with its parts; what was there stays as it was."""
    workshop.build()
    before = {path.name: path.stat().st_mtime_ns for path in workshop.output.iterdir()}
    with pytest.raises(OsieError, match=r"more than its size_budget_bytes of 1,000 \(kernel "):
        workshop.build(workshop.profile.model_copy(update={"size_budget_bytes": 1000}))
    assert {path.name: path.stat().st_mtime_ns for path in workshop.output.iterdir()} == before


def test_a_damaged_artifact_is_replaced(workshop: Workshop) -> None:
    """A file in the output that isn't what the manifest says is made whole again, with nothing rebuilt."""
    manifest, _ = workshop.build()
    place = workshop.output / artifacts.INITRAMFS
    os.truncate(place, 1000)
    _, seen = workshop.build()
    assert seen.done == ["artifacts"]
    assert sha256_of_file(place) == manifest.artifacts[1].sha256
    assert sorted(path.name for path in workshop.output.iterdir()) == sorted(
        [*ARTIFACTS, artifacts.MANIFEST, artifacts.IPXE]
    )


def test_a_damaged_initramfs_never_leaves_the_cache(workshop: Workshop) -> None:
    """One bit that the disk has lost: it is built anew, and the manifest is that of the whole one."""
    manifest, _ = workshop.build()
    for place in (workshop.folder / "cache").glob("initramfs-*/initramfs"):
        with place.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
    again, seen = workshop.build()
    assert again == manifest
    assert seen.done == ["initramfs"]
    assert sha256_of_file(workshop.output / artifacts.INITRAMFS) == manifest.artifacts[1].sha256


def test_notes_that_the_disk_has_lost_are_made_anew(workshop: Workshop) -> None:
    """An empty note of the root's or of a squashed file's is no traceback: that step is done again."""
    manifest, _ = workshop.build()
    for pattern, redone in {"root-*/digest": "root", "squash-worker-*/images.json": "squash-worker"}.items():
        for note in (workshop.folder / "cache").glob(pattern):
            note.write_text("")
        again, seen = workshop.build()
        assert again == manifest
        assert seen.done == [redone]


def test_without_a_worker_image_there_is_one_clear_error(workshop: Workshop, tmp_path: Path) -> None:
    """An absent worker image is told by its path before anything is built."""
    moved = tmp_path / "worker.tar"
    shutil.move(workshop.folder / "worker.tar", moved)
    try:
        with pytest.raises(OsieError, match=r"worker\.tar: the worker's image is not there"):
            workshop.build()
    finally:
        shutil.move(moved, workshop.folder / "worker.tar")


def _small(workshop: Workshop, **changed: object) -> Steps:
    """The steps of the small profile with something else in it."""
    wanted = workshop.profile.model_copy(update=changed)
    return Steps(wanted, Cache(workshop.folder / "cache", Silent()), workshop.folder / "worker.tar")


def test_a_profiles_files_are_there_with_what_they_need(workshop: Workshop, tmp_path: Path) -> None:
    """A program keeps libraries that nobody else needs; its own library stays; /etc/profile is its."""
    libraries = "usr/lib/x86_64-linux-gnu"
    base = _small(workshop)
    assert not (base.root / "tree" / libraries / "libncursesw.so.6").exists()
    program = base.packages / libraries / "libformw.so.6"  # it needs that library
    shutil.copyfile(program, tmp_path / "program")
    files = (
        profile.File(path="/opt/tool/run", source=tmp_path / "program", mode="0755"),
        profile.File(path=f"/{libraries}/libmine.so", source=tmp_path / "program"),
        profile.File(path="/etc/profile", content="mine"),
        profile.File(path="/usr/lib/python3.13/mine.py", content="MINE = 1\n"),
    )
    root = _small(workshop, files=(*workshop.profile.files, *files)).root / "tree"
    assert (root / libraries / "libncursesw.so.6").exists()
    assert (root / libraries / "libmine.so").is_file()
    assert (root / "etc/profile").read_text() == "mine"
    assert (root / "usr/lib/python3.13/mine.py").is_file()
    assert elf.missing(root) == {}


def test_a_root_that_no_machine_starts_from_is_an_error(workshop: Workshop) -> None:
    """All that lacks is told, also what the build itself would stumble over; no result is left."""
    without = (*workshop.profile.without_packages, "busybox-static", "libpython3.13-minimal")
    before = sorted((workshop.folder / "cache").glob("root-*"))
    with pytest.raises(OsieError) as caught:
        _ = _small(workshop, without_packages=without, engine="podman").root
    told = str(caught.value)
    for path in ("/usr/bin/busybox", "/usr/lib/python3.*/os.py", "/usr/bin/podman", "/usr/bin/conmon"):
        assert f"\n    {path}, of the package " in told
    assert sorted((workshop.folder / "cache").glob("root-*")) == before
    with pytest.raises(OsieError, match=r"/usr/bin/python3: it needs libexpat\.so\.1"):
        _ = _small(workshop, without_packages=(*workshop.profile.without_packages, "libexpat1")).root


def _steps(name: str) -> Steps:
    """Those of a profile that ships, in the cache that `osie build` keeps."""
    if os.geteuid() != 0:
        pytest.skip("building a root needs root")
    wanted = profile.load(name, Path(__file__).parents[3] / "profiles")
    return Steps(wanted, build_cache(), worker_image=Path("/nonexistent"))


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        (
            "default",
            ["sbin/dockerd", "bin/containerd", "bin/containerd-shim-runc-v2", "sbin/runc", "sbin/iptables"],
        ),
        ("virtual", ["bin/podman", "bin/conmon", "bin/crun", "lib/podman/netavark"]),
    ],
)
def test_nothing_in_a_root_lacks_a_library(name: str, engine: list[str]) -> None:
    """The engine, udev and all else that is an ELF file finds its libraries."""
    root = _steps(name).root / "tree"
    assert elf.missing(root) == {}
    for program in engine:
        assert (root / "usr" / program).exists(), program
    assert (root / "usr/lib/systemd/systemd-udevd").exists()


def test_what_the_drivers_ask_for_is_in_the_root() -> None:
    """Every file that a driver names and a package has, but what the profile leaves out; and no other."""
    steps = _steps("default")
    root, packages = steps.root / "tree", steps.packages
    asked = {
        module.stem: {f"usr/lib/firmware/{name.decode()}" for name in _FIRMWARE.findall(module.read_bytes())}
        for module in (root / "usr/lib/modules").rglob("*.ko")
    }
    offered = {name for names in asked.values() for name in names if (packages / name).is_file()}
    unwanted = {name for name in offered if selection.matches(f"/{name}", steps.profile.exclude)}
    there = {str(path.relative_to(root)) for path in (root / "usr/lib/firmware").rglob("*") if path.is_file()}
    assert there == offered - unwanted
    assert all((root / name).read_bytes() == (packages / name).read_bytes() for name in there)
    assert {name for name in unwanted if "/bnx2x/" in name}  # else the profile's pattern is out of date
    for module in ("bnx2", "bnx2x", "bna", "cxgb3", "cxgb4", "e100", "ice", "qed", "r8169", "tg3"):
        assert asked[module] & there, module
