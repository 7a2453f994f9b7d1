"""Keeping an engine: a real process plays it, and something that answers for it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from osie.contracts.kernel_parameters import parse
from osie.ramdisk.daemon import Daemon
from osie.ramdisk.docker_api import Docker
from osie.ramdisk.engine import Engine
from osie.ramdisk.program import Program


class _Answers(Docker):
    """Answers as long as there are answers left."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def answers(self) -> bool:
        self.times -= 1
        return self.times >= 0

    def version(self) -> str:
        return "1"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Daemon]:
    """A process that no other test has."""
    daemon = Daemon(("sleep", f"6{os.getpid()}.5"), log=tmp_path / "log", environment={}, run=tmp_path)
    daemon.launch()
    yield daemon
    with suppress(ProcessLookupError):
        daemon.kill()


def _engine(argv: tuple[str, ...], run: Path, times: int = 1) -> Engine:
    return Engine(parse(""), _Answers(times), program=Program(argv=argv, files={}), run=run)


@pytest.mark.parametrize("pid", ["", "1", "nonsense"])
def test_an_engine_whose_pid_file_is_wrong_is_found(service: Daemon, tmp_path: Path, pid: str) -> None:
    """As where a run of ours ended before it wrote that down: its process is waited for all the same."""
    before = service.pid
    (tmp_path / "sleep.pid").write_text(pid)
    engine = _engine(service.argv, tmp_path)
    engine.start({})
    assert (tmp_path / "sleep.pid").read_text() == str(before)
    waiting = threading.Thread(target=engine.wait_until_it_dies)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    os.kill(before, signal.SIGKILL)
    waiting.join(10)
    assert not waiting.is_alive()


def test_an_engine_that_is_no_process_of_ours_is_asked(tmp_path: Path) -> None:
    """Where something answers that can't be found, its end is when it no longer answers; no busy loop."""
    engine = _engine(("there-is-no-such-program",), tmp_path, times=5)
    engine.start({})
    began = time.monotonic()
    engine.wait_until_it_dies(asked_every_s=0.05)
    assert time.monotonic() - began > 0.1  # four answers at the least: no more than one in 0.05 s
