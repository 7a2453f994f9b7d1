"""The build cache: whole results, once."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from osie.core.cache import Cache, Silent
from osie.core.errors import OsieError


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
    assert list(tmp_path.iterdir()) == []


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


_BUILDER = """
import sys
from pathlib import Path
from osie.core.cache import Cache, Silent

def build(folder):
    (folder / "f").write_text("half")
    print("building", flush=True)
    sys.stdin.readline()
    (folder / "f").write_text("whole")

cache = Cache(Path(sys.argv[1]), Silent())
cache.get(sys.argv[2], ["a"], build)
print("done", flush=True)
sys.stdin.readline()
"""


@contextmanager
def _builder(root: Path, step: str = "step") -> Iterator[subprocess.Popen[str]]:
    """Another process that builds one step: it goes on, then ends, with each line that it is sent."""
    argv = [sys.executable, "-c", _BUILDER, str(root), step]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _hears(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _writes(content: bytes) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / "f").write_bytes(content)

    return build


def _make(cache: Cache, name: str, size: int, used: float) -> Path:
    result = cache.get(name, [name], _writes(b"x" * size))
    os.utime(result, (used, used))
    return result


def test_a_killed_build_leaves_nothing_that_is_trusted(tmp_path: Path) -> None:
    """SIGKILL in the middle of a step: no result, the next build does the step, and the leftovers go."""
    with _builder(tmp_path) as other:
        assert _hears(other) == "building"
        other.kill()
        other.wait()
    assert [path.name.partition("-")[0] for path in tmp_path.glob(".unfinished-*")] == [".unfinished"]
    cache = _cache(tmp_path)
    cache.sweep()
    assert list(tmp_path.iterdir()) == []
    result = cache.get("step", ["a"], _writes(b"anew"))
    assert (result / "f").read_text() == "anew"


def test_a_running_build_is_not_swept(tmp_path: Path) -> None:
    """What another process is building right now is no leftover."""
    with _builder(tmp_path) as other:
        assert _hears(other) == "building"
        _cache(tmp_path).sweep()
        _tell(other)
        assert _hears(other) == "done"


def test_a_second_process_waits_for_the_first_ones_result(tmp_path: Path) -> None:
    """It gets the result when the step is done, though the first process goes on and uses it too."""
    with _builder(tmp_path) as other:
        assert _hears(other) == "building"
        got: list[Path] = []
        waiting = threading.Thread(
            target=lambda: got.append(_cache(tmp_path).get("step", ["a"], lambda _: None))
        )
        waiting.start()
        _tell(other)
        assert _hears(other) == "done"
        waiting.join(10)
        assert (got[0] / "f").read_text() == "whole"
        assert other.poll() is None


def test_prune_removes_the_least_recently_used_first(tmp_path: Path) -> None:
    """As many as it takes to come down to the limit, and no more; a use makes a result young."""
    maker = _cache(tmp_path)
    old, older, young = (_make(maker, name, 1000, at) for name, at in (("a", 20), ("b", 10), ("c", 30)))
    del maker  # lets go of what it used
    cache = _cache(tmp_path)
    assert cache.prune(2500) == 1000
    assert [path.is_dir() for path in (older, old, young)] == [False, True, True]
    assert cache.prune(2500) == 0
    assert cache.prune(0) == 2000
    assert list(tmp_path.iterdir()) == []


def test_prune_leaves_what_a_running_process_uses(tmp_path: Path) -> None:
    """Whatever the limit: a result stays until the last process that got it has ended."""
    with _builder(tmp_path) as other:
        assert _hears(other) == "building"
        _tell(other)
        assert _hears(other) == "done"
        assert _cache(tmp_path).prune(0) == 0
        _tell(other)
        other.wait(10)
    assert _cache(tmp_path).prune(0) == len("whole")


def test_what_we_use_ourselves_is_not_pruned(tmp_path: Path) -> None:
    """A build that prunes at its end can't take what it has just made."""
    cache = _cache(tmp_path)
    result = _make(cache, "a", 10, 1)
    assert cache.prune(0) == 0
    assert (result / "f").is_file()


def test_the_entries_tell_step_size_and_last_use(tmp_path: Path) -> None:
    """What `osie cache show` prints; a step's name may have hyphens."""
    cache = _cache(tmp_path)
    _make(cache, "squash-ours", 17, 1000)
    (entry,) = cache.entries()
    assert (entry.step, entry.size, entry.last_used) == ("squash-ours", 17, 1000)


def test_what_the_disk_has_lost_is_built_anew(tmp_path: Path) -> None:
    """A result that can't be read back is removed and made once more; what is fine isn't touched."""
    calls = []

    def build(folder: Path) -> None:
        calls.append(1)
        (folder / "f").write_text("17")

    def read() -> int:
        return _cache(tmp_path).read("step", ["a"], build, lambda folder: int((folder / "f").read_text()))

    assert (read(), read(), len(calls)) == (17, 17, 1)
    (result,) = tmp_path.glob("step-*")
    (result / "f").write_text("")
    assert (read(), len(calls)) == (17, 2)
    (result / "f").unlink()
    assert (read(), len(calls)) == (17, 3)


def test_what_is_lost_is_not_taken_from_who_uses_it(tmp_path: Path) -> None:
    """Where another process has the damaged result, that is told; what is as bad anew, too."""

    def fail(folder: Path) -> None:
        raise ValueError(folder.name)

    with _builder(tmp_path) as other:
        assert _hears(other) == "building"
        _tell(other)
        assert _hears(other) == "done"
        with pytest.raises(OsieError, match="damaged since it was built"):
            _cache(tmp_path).read("step", ["a"], lambda _: None, fail)
    with pytest.raises(ValueError, match="step-"):
        _cache(tmp_path).read("step", ["a"], lambda _: None, fail)


_MANY_RESULTS = """
import resource, sys
from pathlib import Path
from osie.core.cache import Cache, Silent

resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
cache = Cache(Path(sys.argv[1]), Silent())
for number in range(200):
    cache.get("step", [number % 150], lambda folder: None)
print(cache.prune(0))
"""


def test_more_results_than_the_usual_limit_of_open_files(tmp_path: Path) -> None:
    """Every result in use is an open file: a process may have as many as its hard limit allows."""
    done = subprocess.run(
        [sys.executable, "-c", _MANY_RESULTS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_result_got_twice_is_one_open_file(tmp_path: Path) -> None:
    """Getting the same result again and again doesn't use the process's files up."""
    cache = _cache(tmp_path)
    cache.get("step", ["a"], lambda _: None)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        cache.get("step", ["a"], lambda _: None)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
