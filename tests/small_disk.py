"""A file system that is soon full."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from osie.core.process import run


@contextmanager
def small_disk(place: Path, size_mib: int) -> Iterator[Path]:
    """Mounted at `place`, a folder that is made for it."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place.mkdir()
    run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "osie-test", place])
    yield place
    run(["umount", place])
