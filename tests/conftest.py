"""How the suite is shared out among several processes: `make test` has two, `pytest -n` any number.

Virtual machines are one process's work from beginning to end, one after the other: that is the longest way
through the suite, so it begins first. All else runs beside it, on what the machines leave of the processors;
the tests of a file stay together, and those of a folder whose expensive fixture is made once per process.
"""

import os
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["begun_anew"]

HERE = Path(__file__).parent
# The virtual machines, then what has one expensive fixture: a built ramdisk, built images, all cells of the
# matrix at work side by side, an engine. In the order in which they are begun.
TOGETHER = ("vm", "integration/image", "integration/oci", "integration/matrix", "integration/worker")
LATER = ("integration", "unit")
BESIDE = 5  # as nice(1) has it


def _place(path: Path, folders: tuple[str, ...]) -> int:
    return next((number for number, name in enumerate(folders) if path.is_relative_to(name)), len(folders))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out one group after the other, in the order of the tests."""
    # Not by xdist's marks for groups: xdist 3.8 writes them to where pytest 9.2 no longer looks.
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = config.rootpath / nodeid.partition("::")[0]
            place = _place(path.relative_to(HERE), TOGETHER)
            return str(path) if place == len(TOGETHER) else TOGETHER[place]

    config.option.loadscopereorder = False
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the longest groups come first."""
    if hasattr(config, "workerinput"):
        paths = {item: item.path.relative_to(HERE) for item in items}
        items.sort(key=lambda item: (_place(paths[item], TOGETHER), _place(paths[item], LATER)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What runs beside the machines gives way to them; only root may take that back for the next group."""
    if hasattr(item.config, "workerinput") and os.geteuid() == 0:
        machines = item.path.is_relative_to(HERE / TOGETHER[0])
        os.setpriority(os.PRIO_PROCESS, 0, 0 if machines else BESIDE)
