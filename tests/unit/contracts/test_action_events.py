"""Progress as a line of an action's output."""

from hypothesis import given
from hypothesis import strategies as st

from osie.contracts.action_events import Progress, decode

COUNTS = st.integers(0, 2**63)
RATES = st.floats(0, 1e12)


@given(st.builds(Progress, st.text(), COUNTS, st.none() | COUNTS, st.text(), RATES, st.none() | RATES))
def test_decode_reads_what_encode_wrote(progress: Progress) -> None:
    """Every event survives the line."""
    assert "\n" not in progress.encode()
    assert decode(progress.encode()) == progress


@given(st.text() | st.text().map(lambda t: '{"osie.progress' + t))
def test_other_lines_are_log_lines(line: str) -> None:
    """A line that isn't an event is None, never an error."""
    assert decode(line) is None or line.startswith('{"osie.progress')
