"""The build cache: whole results, once."""

import threading
from pathlib import Path

import pytest

from osie.core.cache import Cache, Silent


def _cache(root: Path) -> Cache:
    return Cache(root, Silent())


def test_the_same_inputs_are_built_once(tmp_path: Path) -> None:
    """The second call finds the first one's result; other inputs are another result."""
    calls = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "f").write_text("x")

    cache = _cache(tmp_path)
    first, second, other = (cache.get("step", inputs, build) for inputs in (["a"], ["a"], ["b"]))
    assert first == second != other
    assert len(calls) == 2
    assert (first / "f").read_text() == "x"


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """What an exception interrupts is neither trusted nor left behind."""

    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        _cache(tmp_path).get("step", ["a"], fail)
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".lock")] == []


def test_the_remains_of_a_killed_build_are_not_used(tmp_path: Path) -> None:
    """A folder that a SIGKILL left half-filled is emptied before the step runs again."""
    cache = _cache(tmp_path)
    name = cache.get("step", ["a"], lambda folder: (folder / "f").touch() and None).name
    (tmp_path / name).rename(tmp_path / f".unfinished-{name}")
    (tmp_path / f".unfinished-{name}/stale").touch()
    again = cache.get("step", ["a"], lambda folder: (folder / "f").touch() and None)
    assert [p.name for p in again.iterdir()] == ["f"]


def test_two_builds_at_once_do_the_work_once(tmp_path: Path) -> None:
    """The second waits for the first and takes its result."""
    calls = []
    together = threading.Barrier(2)

    def build(folder: Path) -> None:
        calls.append(1)
        (folder / "f").touch()

    def work() -> None:
        together.wait()
        _cache(tmp_path).get("step", ["a"], build)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
