"""What a person is told: nothing of a file moves the cursor."""

import pytest

from osie.cli.telling import note, tell
from osie.core.errors import OsieError


def test_what_files_hold_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """A key or a name with a terminal's control characters is printed without them, lines stay lines."""
    note(["spec.\x1b[2Jkey\u202e: unknown"])
    tell(OsieError("nothing was applied:\n  f.yaml: kind: \x1b]0;title\x07"))
    told = capsys.readouterr().err
    assert "note: spec.key\ufffd: unknown\n" in told
    assert "nothing was applied:\n  f.yaml: kind: \ufffd]0;title\ufffd\n" in told
