"""How the suite is shared out among several processes: `make test` has two, `pytest -n` any number.

Virtual machines take most of the time. One process has nothing but machines to do; the other begins with all
else and ends with the small machines. The tests of a file stay together, and those of a folder whose
expensive fixture is made once per process. What is no machine gives way to those beside it.
"""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The host may be busy: how long an example takes says nothing of the claim.
settings.register_profile("osie", deadline=None)
settings.load_profile("osie")

pytest_plugins = ["begun_anew", "unexpected_ends"]

HERE = Path(__file__).parent
# Folders that stay together: the longest way through the suite, then what has one expensive fixture (a built
# ramdisk, built images, all cells of the matrix at work side by side, an engine).
TOGETHER = (
    ("vm/demo", "vm/ramdisk", "vm/boots"),
    ("integration/image",),
    ("integration/oci",),
    ("integration/matrix",),
    ("integration/worker",),
)
LATER = ("integration", "unit", "vm/lab", "vm/writer")
BESIDE = 5  # as nice(1) has it
BYTES_SHOWN = 4096  # of which pytest may explain the difference: of a disk's megabytes it takes minutes to
WHOLE_GB = 10  # what a run of everything holds at once on disks, 4 of it the build cache


def pytest_configure() -> None:
    """Heed signals as in a terminal, children too: of a suite in a shell's background some are ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Tell where disks and images differ: with CI set pytest shows all of it, for longer than a test has."""
    if op != "==" or not isinstance(left, bytes) or not isinstance(right, bytes):
        return None
    if max(len(left), len(right)) <= BYTES_SHOWN:
        return None
    at = next((i for i, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), None)
    where = "up to the shorter's end they are alike" if at is None else f"they differ at byte {at}"
    return [f"{len(left)} bytes == {len(right)} bytes", where]


def pytest_report_header() -> str:
    """A disk that is full fails hundreds of tests, in ways that say nothing of disks."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e9
    return f"room: {free:.1f} GB free in {folder}; the whole suite takes {WHOLE_GB}"


def _group(path: Path) -> tuple[int, str]:
    """When it is begun, and its name. `path` is relative to this folder."""
    for number, folders in enumerate(TOGETHER):
        if any(path.is_relative_to(folder) for folder in folders):
            return number, " ".join(folders)
    later = (number for number, folder in enumerate(LATER) if path.is_relative_to(folder))
    return len(TOGETHER) + next(later, len(LATER)), str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out one group after the other, in the order of the tests."""
    # Not by xdist's marks for groups: xdist 3.8 writes them to where pytest 9.2 no longer looks.
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            path = config.rootpath / nodeid.partition("::")[0]
            return _group(path.relative_to(HERE))[1]

    config.option.loadscopereorder = False
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the longest groups come first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _group(item.path.relative_to(HERE))[0])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give way to machines, or not; only root may take that back for the next group."""
    if hasattr(item.config, "workerinput") and os.geteuid() == 0:
        machines = item.path.is_relative_to(HERE / "vm")
        os.setpriority(os.PRIO_PROCESS, 0, 0 if machines else BESIDE)
