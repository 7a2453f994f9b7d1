"""Which tests run in one process, one after the other, where several processes run the suite (pytest -n).

The tests of a file stay together, and those of a folder whose expensive fixture is made once per process.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Folders with one expensive fixture: built images, a built ramdisk, an engine, all cells of the matrix.
TOGETHER = ("integration/image", "integration/matrix", "integration/oci", "integration/worker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group."""
    for item in items:
        path = item.path.relative_to(HERE)
        folder = next((name for name in TOGETHER if path.is_relative_to(name)), None)
        item.add_marker(pytest.mark.xdist_group(folder or str(path)))
