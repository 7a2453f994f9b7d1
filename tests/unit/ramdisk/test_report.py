"""The lines that the demo, the lab and people read."""

import contextlib
import itertools
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.core.errors import OsieError
from osie.ramdisk import report, waiting


def _said(reporter: report.Reporter) -> list[str]:
    heard: list[str] = []
    reporter.add(heard.append)
    return heard


def test_a_step_that_succeeds() -> None:
    """A step says its start and its end, with its duration and facts."""
    reporter = report.Reporter()
    heard = _said(reporter)
    with reporter.step("network") as facts:
        facts["interface"] = "eth0"
    start, end = (line.split() for line in heard)
    assert start[:3] == ["osie:", "network", "start"]
    assert start[3].startswith("at=")
    assert end[:3] == ["osie:", "network", "ok"]
    assert [word.partition("=")[0] for word in end[3:]] == ["at", "took", "interface"]
    assert len(end[3].partition(".")[2]) == 3


def test_a_step_that_fails() -> None:
    """A failure tells its reason on one line, and what to check on the next; the error goes on."""
    reporter = report.Reporter()
    heard = _said(reporter)
    with pytest.raises(OsieError), reporter.step("network"):
        raise OsieError('no "link"\nat all', hint="the cable") from OSError("down")
    assert heard[1].startswith("osie: network failed at=")
    assert heard[1].endswith("reason=\"no 'link' at all: down\"")
    assert heard[2] == "osie: network check: the cable"


def test_a_late_sink_hears_all() -> None:
    """Syslog, which comes once there is a network, gets what was said before."""
    reporter = report.Reporter()
    reporter.say("early")
    assert _said(reporter) == ["early"]


@given(st.text())
def test_a_value_stays_on_its_line(text: str) -> None:
    """No value breaks a line or pretends to be a further key."""
    shown = report.quoted(text)
    assert "\n" not in shown
    assert "\r" not in shown
    assert shown[0] == shown[-1] == '"' or not any(c.isspace() or c == "=" for c in shown)


def test_backoff_grows_to_a_bound() -> None:
    """Pauses double from one second, up to thirty."""
    assert [waiting.backoff_s(n) for n in (1, 2, 3, 6, 99)] == [1, 2, 4, 30, 30]


def test_a_pause_ends_when_something_is_told() -> None:
    """What was told before the pause doesn't count; what is told in it ends it."""
    ours, kernels = socket.socketpair()
    with ours, kernels:
        ours.setblocking(False)
        waker = _Waker(ours)
        kernels.send(b"before")
        began = time.monotonic()
        waiting.pause(0.05, waker, least_s=0.01)
        assert time.monotonic() - began >= 0.05
        threading.Timer(0.02, kernels.send, [b"cable"]).start()
        waiting.pause(30, waker, least_s=0.01)
        assert time.monotonic() - began < 10


class _Waker:
    """As the kernel's announcements of links, from a socket of the test's."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source

    def fileno(self) -> int:
        return self._source.fileno()

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._source.recv(100)


def test_what_ends_again_and_again_is_started_ever_later() -> None:
    """Pauses grow with each end, and begin anew after a steady life; the first ends may be free of one."""
    worker, engine = waiting.Restarts(), waiting.Restarts(at_once=1)
    lives = (3, 3, 3, 61, 3)
    assert [worker.pause_s(lived) for lived in lives] == [1, 2, 4, 1, 2]
    assert [engine.pause_s(lived) for lived in lives] == [0, 1, 2, 0, 1]


def test_waiting_ends_with_the_condition() -> None:
    """Waiting returns the first true value, and None at the deadline."""
    values = itertools.chain([0, 0], itertools.repeat(7))
    assert waiting.until(lambda: next(values), deadline_s=5, every_s=0.001) == 7
    assert waiting.until(lambda: None, deadline_s=0.01, every_s=0.001) is None
