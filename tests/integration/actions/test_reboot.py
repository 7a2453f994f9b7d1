"""reboot asks the ramdisk by a file in the folder that both see."""

from pathlib import Path
from typing import Any

import pytest

from osie.core.process import run


def test_the_file_is_made(tmp_path: Path, action: Any) -> None:
    """In a folder that is mounted, the file appears, and asking twice is no error."""
    shared = tmp_path / "worker"
    shared.mkdir()
    run(["mount", "--bind", shared, shared])
    try:
        for _ in range(2):
            done = action("reboot", WORKER_FOLDER=shared)
            assert done.returncode == 0, done.stderr
        assert [path.name for path in shared.iterdir()] == ["reboot"]
    finally:
        run(["umount", shared])


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_is_not_shared_is_an_error(
    exists: bool, tmp_path: Path, action: Any, assert_failed: Any
) -> None:
    """A file that the ramdisk can't see would be a reboot that never comes."""
    if exists:
        (tmp_path / "worker").mkdir()
    assert_failed(action("reboot", WORKER_FOLDER=tmp_path / "worker"), "not shared with this container")
    assert not (tmp_path / "worker/reboot").exists()
