"""A program that ended though nobody asked it to is a failure of the test during which it did.

What restarts a program that died hides the death from whoever looks at the result alone. So three signs are
looked for in every test: a child of ours that crashed (its signal says so), an event of our own servers that
says one of their children died, and the same event in the log of a server that the test ran as a process.

A test that provokes such an end says so: `@pytest.mark.provokes_an_end`. A plugin (tests/conftest.py).
"""

import asyncio.base_subprocess
import signal
import subprocess
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog

MARKER = "provokes_an_end"
EVENTS = ("dnsmasq_died", "dnsmasq_not_restarted")
CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS}
_MOST = 8 << 20  # bytes of a log
_noted: list[str] = []


def note(what: str) -> None:
    """Fail the test that runs, unless it says that it provokes this."""
    _noted.append(what)


def _note_crash(words: object, status: int | None) -> None:
    if status is not None and status < 0 and -status in CRASHES:
        note(f"{words} was ended by {signal.Signals(-status).name}")


def _note_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event.get("event") in EVENTS:
        note(str(dict(event)))
    return event


def pytest_configure(config: pytest.Config) -> None:
    """Look over the shoulder of all that starts a process, and of our log."""
    config.addinivalue_line("markers", f"{MARKER}: a program ends in it without being asked to, on purpose")
    structlog.configure(processors=[_note_event, *structlog.get_config()["processors"]])
    children: Any = subprocess.Popen
    told = children._handle_exitstatus

    def handle(self: Any, *arguments: Any, **options: Any) -> None:
        told(self, *arguments, **options)
        _note_crash(self.args, self.returncode)

    children._handle_exitstatus = handle
    transports: Any = asyncio.base_subprocess.BaseSubprocessTransport
    ended = transports._process_exited

    def exited(self: Any, status: int) -> None:
        # asyncio waits for its children itself, and tells their Popen the result without a call.
        _note_crash(self._proc.args, status)
        ended(self, status)

    transports._process_exited = exited


def told_in(folder: Path) -> list[str]:
    """The lines of the logs in a folder that tell of a death."""
    found = []
    for path in folder.rglob("*log*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < _MOST:
            lines = path.read_text(errors="replace").splitlines()
            found += [f"{path.name}: {line}" for line in lines if any(event in line for event in EVENTS)]
    return found


def still_runs(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Raise where a server that a test's fixture started, and is about to end, has ended by itself."""
    if (status := process.poll()) is not None:
        last = log.read_text(errors="replace").splitlines()[-5:]
        raise AssertionError("\n".join([f"{process.args!r} ended by itself with {status}:", *last]))


@pytest.fixture(autouse=True)
def no_unexpected_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test where a program ended that nobody asked to."""
    # Asked for first, so that it is still there when all that writes into it has ended.
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    _noted.clear()
    yield
    found = [*_noted, *(told_in(folder) if folder is not None else [])]
    _noted.clear()
    if found and request.node.get_closest_marker(MARKER) is None:
        pytest.fail("a program ended by itself:\n" + "\n".join(found), pytrace=False)
