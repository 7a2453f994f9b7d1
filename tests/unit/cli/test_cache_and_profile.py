"""`osie cache` and `osie profile`, as processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from osie.cli.workshop import PROFILES, bytes_of
from osie.core.cache import Cache, Silent


def _osie(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "osie.cli", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "COLUMNS": "120", **environment},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache with three results of 1 MB; the last made is the youngest."""
    cache = Cache(tmp_path / "build", Silent())

    def build(folder: Path) -> None:
        (folder / "f").write_bytes(bytes(10**6))

    for number in range(3):
        result = cache.get("step", [number], build)
        os.utime(result, (number, number))
    return tmp_path


def test_cache_show_tells_step_number_and_size(folder: Path) -> None:
    """One line a step, and the sum beside the limit."""
    done = _osie("cache", "show", OSIE_CACHE=str(folder), OSIE_CACHE_MAX="2GB")
    assert done.returncode == 0, done.stderr
    assert ["step", "3", "3.0", "MB"] in [line.split()[:4] for line in done.stdout.splitlines()]
    assert "3.0 MB of at most 2000 MB" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "limit", "left"),
    [(["--keep", "2MB"], "9GB", 2), (["--all"], "9GB", 0), ([], "1MB", 1), ([], "9GB", 3)],
)
def test_cache_prune_keeps_what_it_is_told(folder: Path, arguments: list[str], limit: str, left: int) -> None:
    """A size, nothing at all, or builds' own limit."""
    done = _osie("cache", "prune", *arguments, OSIE_CACHE=str(folder), OSIE_CACHE_MAX=limit)
    assert done.returncode == 0, done.stderr
    assert f"freed {3 - left}.0 MB" in done.stdout
    assert len(list((folder / "build").glob("step-*"))) == left


def test_a_limit_that_is_no_size_is_one_clear_line(folder: Path) -> None:
    """The variable and its value are named."""
    done = _osie("cache", "show", OSIE_CACHE=str(folder), OSIE_CACHE_MAX="plenty")
    assert done.returncode == 1
    assert done.stderr == "osie: OSIE_CACHE_MAX: 'plenty' is no size such as 500MB or 4GB\n"


def test_sizes_are_powers_of_ten() -> None:
    """As on the labels of disks."""
    assert [bytes_of(text) for text in ("17", "500MB", "4G", "1.5 kB")] == [17, 5 * 10**8, 4 * 10**9, 1500]


def test_profile_list_tells_all_that_ship() -> None:
    """Each profile by name, with its engine, its budget and what it is for."""
    done = _osie("profile", "list", COLUMNS="200")
    assert done.returncode == 0, done.stderr
    told = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert told.keys() == {path.stem for path in PROFILES.glob("*.toml")}
    assert "docker" in told["default"]
    assert "110 MB" in told["default"]


def test_a_bad_profile_is_told_and_not_shown(tmp_path: Path) -> None:
    """All its errors with file and place; exit status 1."""
    path = tmp_path / "bad.toml"
    path.write_text('name = "bad"\nextends = "slimm"\nengine = "rocket"\nmodules.classes = ["netwrok"]\n')
    done = _osie("profile", "show", path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"{path}: engine: " in done.stderr
    assert (
        f"{path}: modules.classes.0: unknown module class 'netwrok'; did you mean 'network'?" in done.stderr
    )
    assert "did you mean 'slim'?" in done.stderr
