"""How the suite is shared out among several processes: `make test` has two, `pytest -n` any number.

Virtual machines are one process's work from beginning to end, one after the other: that is the longest way
through the suite, so it begins first. All else runs beside it; the tests of a file stay together, and those
of a folder whose expensive fixture is made once per process.
"""

from pathlib import Path

import pytest

pytest_plugins = ["begun_anew"]

HERE = Path(__file__).parent
# The virtual machines, then what has one expensive fixture: a built ramdisk, built images, all cells of the
# matrix at work side by side, an engine. In the order in which they are begun.
TOGETHER = ("vm", "integration/image", "integration/oci", "integration/matrix", "integration/worker")
LATER = ("integration", "unit")


def _place(item: pytest.Item, folders: tuple[str, ...]) -> int:
    path = item.path.relative_to(HERE)
    return next((number for number, name in enumerate(folders) if path.is_relative_to(name)), len(folders))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its group; where several processes share the groups, the longest ones come first."""
    for item in items:
        place = _place(item, TOGETHER)
        group = str(item.path.relative_to(HERE)) if place == len(TOGETHER) else TOGETHER[place]
        item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (_place(item, TOGETHER), _place(item, LATER)))
