"""Requests to end, to processes of their own: what they, and their children, make of a signal."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from osie.lab import owner

_START = """
import asyncio, os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from osie.core import interruption
from osie.core.errors import OsieError
from osie.core.process import run

def main(work):
    try:
        with interruption.terminable():
            work()
    except KeyboardInterrupt:
        sys.exit(interruption.status())
"""
_CANCELLED = """
async def work():
    with interruption.terminable():
        os.kill(os.getpid(), int(sys.argv[1]))
        raise OsieError("`ip netns add` was ended by SIGINT")  # as a child's end is told

main(lambda: asyncio.run(work()))
"""
_THREADS = """
tell = f"/proc/{os.getpid()}/fd/{os.dup(1)}"

def work():
    with ThreadPoolExecutor(1) as beside:  # which waits for its thread
        beside.submit(run, ["sh", "-c", f"sleep 1000 & echo $! >{tell}; wait"])
        run(["sleep", "1001"])

main(work)
"""


@contextmanager
def _python(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", _START + script, *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_fails_in_an_interruption_is_the_interruption(number: signal.Signals) -> None:
    """A child that Ctrl-C ended before asyncio heard of it: the status is the signal's, no error is told."""
    with _python(_CANCELLED, str(int(number))) as process:
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (128 + number, "")


def test_sigterm_to_us_alone_ends_our_children() -> None:
    """Those of other threads, and theirs, as Ctrl-C would: nobody waits for them, and none is left."""
    with _python(_THREADS) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert owner.started_ticks(child) is not None
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (143, "")
    assert owner.started_ticks(child) is None


def test_what_is_ignored_stays_so() -> None:
    """SIGHUP under nohup(1): the terminal may close."""
    script = "main(lambda: (os.kill(os.getpid(), signal.SIGHUP), print('went on')))"
    with _python("signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + script) as process:
        told, _ = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "went on\n")
