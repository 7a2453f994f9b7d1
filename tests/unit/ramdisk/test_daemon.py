"""Programs that outlive ours: real ones, found again by another that didn't start them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from osie.ramdisk.daemon import Daemon, bound, wait_for_one_to_end


def _daemon(run: Path, *argv: str) -> Daemon:
    return Daemon(argv, log=run / "log", environment={}, run=run)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that runs until it is killed."""
    daemon = _daemon(tmp_path, "sleep", "600")
    daemon.launch()
    yield daemon
    daemon.kill()


def test_a_later_run_finds_it(sleeper: Daemon, tmp_path: Path) -> None:
    """Whoever reads the pid file has the process, and can end it."""
    later = _daemon(tmp_path, "sleep", "600")
    assert later.pid == sleeper.pid != 0
    later.kill()
    assert sleeper.pid == 0


def test_a_pid_that_went_to_another_program_is_not_it(tmp_path: Path) -> None:
    """The pid file of one that died may name a process that is something else by now."""
    (tmp_path / "sleep.pid").write_text(str(os.getpid()))
    assert _daemon(tmp_path, "sleep", "600").pid == 0


def test_the_end_of_one_is_noticed(sleeper: Daemon, tmp_path: Path) -> None:
    """Waiting for several returns when any of them ends, at once where one had ended before."""
    other = _daemon(tmp_path, "tail", "-f", "/dev/null")
    other.launch()
    os.kill(other.pid, signal.SIGKILL)
    wait_for_one_to_end([sleeper, other])
    assert (other.pid, other.fate) == (0, "ended with status -9")
    assert sleeper.pid != 0
    wait_for_one_to_end([sleeper, other])


def test_a_log_that_grew_too_long_keeps_its_end(tmp_path: Path) -> None:
    """It lies in memory, so it is cut where it stands; whoever holds it open appends to what is left."""
    log = tmp_path / "long"
    with log.open("ab") as open_elsewhere:
        open_elsewhere.write(b"a" * 1000 + b"b" * 60)
        open_elsewhere.flush()
        bound(log, 100)
        open_elsewhere.write(b"c")
    assert log.read_text() == "b" * 50 + "c"
    bound(log, 100)
    bound(tmp_path / "none", 100)
    assert log.stat().st_size == 51


def test_its_last_words_stay(tmp_path: Path) -> None:
    """What it says is in the log, behind what the one before it said."""
    for _ in range(2):
        daemon = _daemon(tmp_path, "echo", "hello")
        daemon.launch()
        wait_for_one_to_end([daemon])
        assert daemon.pid == 0
    assert (tmp_path / "log").read_text() == "hello\nhello\n"
