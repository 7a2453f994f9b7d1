"""`osie build` as a process: what a person sees when something is wrong; what a killed one leaves."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import packages_at_hand
import pytest
from small_profile import SMALL

from osie.contracts import artifacts
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.image.profile import profile

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="building needs root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a small profile is, and where its artifacts go."""
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


def _osie(*arguments: str | Path, umask: int = 0o022, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "osie.cli", *arguments],
        capture_output=True, text=True, timeout=300, check=False, umask=umask,
        env={**os.environ, **environment},
    )  # fmt: skip


def _build(folder: Path, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    arguments = ("build", "--profile", folder / "small.toml", "--output", folder / "out")
    return _osie(*arguments, umask=0o077, OSIE_CACHE=str(cache), **environment)


def _is_one_clear_line(done: subprocess.CompletedProcess[str]) -> bool:
    """Exit status 1; one line that says it, at most one more with a hint; no traceback.

    A mirror that is slow is told before, which says nothing of the error.
    """
    lines = done.stderr.strip().splitlines()
    first, *more = [line for line in lines if not line.startswith("still waiting for ")]
    hints = [line for line in more if line.startswith("  try: ")]
    return done.returncode == 1 and first.startswith("osie: ") and more == hints[:1]


def _leftovers(cache: Path) -> list[str]:
    return [path.name for path in (cache / "build").glob(".unfinished-*")]


def test_a_missing_tool_is_one_clear_line(folder: Path) -> None:
    """The tool and its package are named before anything is begun; nothing is left."""
    tools = folder / "bin"
    tools.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name != "mksquashfs":
            (tools / path.name).symlink_to(path)
    done = _build(folder, folder / "cache", PATH=str(tools))
    assert _is_one_clear_line(done), done.stderr
    assert "mksquashfs" in done.stderr
    assert "apt-get install --reinstall squashfs-tools" in done.stderr  # this host has the package
    assert not (folder / "cache").exists()
    assert not (folder / "out").exists()


def test_an_unreachable_mirror_is_one_clear_line(folder: Path) -> None:
    """Mirror and reason are named; nothing is left behind."""
    path = folder / "small.toml"
    path.write_text('mirror = "http://127.0.0.1:9/debian"' + path.read_text())
    done = _build(folder, folder / "cache")
    assert _is_one_clear_line(done), done.stderr
    assert "http://127.0.0.1:9/debian" in done.stderr
    assert list((folder / "cache/build").iterdir()) == []
    assert not (folder / "out").exists()


@contextmanager
def _tmpfs(place: Path, size: str) -> Iterator[Path]:
    place.mkdir()
    run(["mount", "-t", "tmpfs", "-o", f"size={size}", "osie-test", place])
    try:
        yield place
    finally:
        run(["umount", place])


def test_a_full_disk_under_the_cache_is_one_clear_line(folder: Path) -> None:
    """The folder is named, and that it can be made smaller; no half-done step stays."""
    with _tmpfs(folder / "tiny", "8m") as cache:
        done = _build(folder, cache)
        assert _is_one_clear_line(done), done.stderr
        assert f"the disk that holds {cache}/build is full" in done.stderr
        assert "osie cache prune" in done.stderr
        assert _leftovers(cache) == []
    assert not (folder / "out").exists()


def test_builds_survive_being_killed_and_a_full_output(folder: Path) -> None:
    """Killed in two steps and started again, twice at once, a build ends with what an undisturbed one gives.

    And under another umask. Before, it fails for a full disk under its output: that's told in a line, and the
    output is empty then.
    """
    wanted = profile.load(str(folder / "small.toml"), folder)
    cache = packages_at_hand.seed(folder / "cache/build", wanted).parent
    for step in ("packages", "squash"):
        _killed_in(step, folder, cache)
        assert not list((cache / "build").glob(f"{step}-????????????????????????"))
        assert _leftovers(cache)
    with _tmpfs(folder / "out", "4m") as output:
        done = _build(folder, cache)
        assert _is_one_clear_line(done), done.stderr
        assert f"{output}/" in done.stderr
        assert "space" in done.stderr
        assert list(output.iterdir()) == []
    assert _leftovers(cache) == []
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(_build, folder, cache) for _ in range(2)]
    for one in both:
        assert one.result().returncode == 0, one.result().stderr
    built = sha256_of_file(folder / "out" / artifacts.INITRAMFS)
    shutil.rmtree(folder / "out")
    undisturbed = _osie(
        "build", "--profile", folder / "small.toml", "--output", folder / "out"
    )  # in the user's cache
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert sha256_of_file(folder / "out" / artifacts.INITRAMFS) == built


def _killed_in(step: str, folder: Path, cache: Path) -> None:
    """Start a build, and end it by SIGKILL as soon as it has begun that step."""
    arguments = ["build", "--profile", str(folder / "small.toml"), "--output", str(folder / "out")]
    with subprocess.Popen(
        [sys.executable, "-m", "osie.cli", *arguments],
        env={**os.environ, "OSIE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 200
        while not list((cache / "build").glob(f".unfinished-{step}-????????????????????????.*/*")):
            assert process.poll() is None, f"ended before {step}"
            assert time.monotonic() < deadline, f"{step} did not begin"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
