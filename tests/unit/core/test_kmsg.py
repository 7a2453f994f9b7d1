"""The kernel's log, record by record: what its reader does at the end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from osie.core.kmsg import records


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A FIFO that blocks as the log does, and the end to write at."""
    os.mkfifo(tmp_path / "kmsg")
    end = os.open(tmp_path / "kmsg", os.O_RDWR)
    yield tmp_path / "kmsg", end
    os.close(end)


def test_it_ends_where_there_are_no_more_yet(log: tuple[Path, int]) -> None:
    """Without waiting for a further record. What isn't UTF-8 is replaced."""
    path, end = log
    assert list(records(path)) == []
    os.write(end, b"6,1,2,-;one \xff\n")
    reading = records(path)
    assert next(reading) == "6,1,2,-;one \ufffd\n"
    os.write(end, b"6,2,3,-;two\n")
    assert list(reading) == ["6,2,3,-;two\n"]


def test_a_log_is_followed(log: tuple[Path, int]) -> None:
    """A record that comes later is read as well."""
    path, end = log
    os.write(end, b"6,1,2,-;one\n")
    reading = records(path, follow=True)
    assert next(reading) == "6,1,2,-;one\n"
    os.write(end, b"6,2,3,-;two\n")
    assert next(reading) == "6,2,3,-;two\n"


def test_it_is_closed_early(log: tuple[Path, int]) -> None:
    """Who has read enough leaves nothing open."""
    path, end = log
    os.write(end, b"6,1,2,-;one\n")
    before = set(Path("/proc/self/fd").iterdir())
    assert any("one" in record for record in records(path))
    assert set(Path("/proc/self/fd").iterdir()) == before
