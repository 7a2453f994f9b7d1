"""A test that met a fault of QEMU's emulator begins anew, with everything that it was given made anew.

Only that fault counts (docs/decisions/0004); the summary tells which tests met it, and how often. A plugin of
pytest (tests/conftest.py names it), not a conftest of tests/vm: that one would be unknown to the process that
writes the summary of several.
"""

from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol

from osie.lab.machine import TcgFault

ATTEMPTS = 3
FAULT = pytest.StashKey[bool]()
TOLD = "faults of the emulator"


def met(error: BaseException | None) -> bool:
    """Whether the emulator's fault is the error, or what led to it."""
    if error is None or isinstance(error, TcgFault):
        return error is not None
    several = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return any(map(met, (*several, error.__cause__, error.__context__)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run the test until the emulator leaves it alone."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for faults in range(1, ATTEMPTS + 1):
        item.stash[FAULT] = False
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not item.stash[FAULT]:
            break
        item.user_properties.append((TOLD, faults))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note the fault."""
    if call.excinfo is not None and met(call.excinfo.value):
        item.stash[FAULT] = True
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """After the fault nothing is kept for the next test either: the broken machine may be part of it."""
    if item.stash.get(FAULT, False):
        item.session._setupstate.teardown_exact(None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests began anew."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            faults = dict(getattr(report, "user_properties", ())).get(TOLD)
            if faults and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid}: {TOLD}: {faults}, begun anew after each")
