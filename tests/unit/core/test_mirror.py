"""When a mirror is asked again, by the note of the last time."""

import json
import time
from pathlib import Path

import pytest

from osie.core.mirror import MAX_AGE_S, Asked


@pytest.mark.parametrize(
    ("at", "tried", "due"),
    [
        (-10, -10, False),
        (-MAX_AGE_S - 10, -MAX_AGE_S - 10, True),
        (-MAX_AGE_S - 10, -10, False),  # it didn't answer a moment ago
        (3600, 3600, True),  # by a clock that was wrong
        (3600, -10, False),
        (-MAX_AGE_S - 10, 3600, True),
    ],
)
def test_lists_of_a_day_ago_or_of_tomorrow_are_due(at: float, tried: float, due: bool) -> None:
    """A time that is yet to come says nothing; an attempt that failed isn't repeated at once."""
    now = time.time()
    assert Asked("x", at=now + at, tried=now + tried).is_due == due


@pytest.mark.parametrize(
    "text", ["", '{"lists": "x", "at"', "[1]", "{}", '{"lists": "x", "at": "?", "tried": 1}']
)
def test_a_note_that_is_none_is_as_one_that_is_not_there(tmp_path: Path, text: str) -> None:
    """What a power cut leaves isn't trusted, and no traceback either."""
    assert Asked.read(tmp_path / "note") is None
    (tmp_path / "note").write_text(text)
    assert Asked.read(tmp_path / "note") is None
    (tmp_path / "note").write_text(json.dumps({"lists": "x", "at": 1, "tried": 2}))
    assert Asked.read(tmp_path / "note") == Asked("x", at=1, tried=2)
