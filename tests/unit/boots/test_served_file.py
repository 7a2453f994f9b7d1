"""Which bytes a Range header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.boots.served_file import Span, Unsatisfiable, span


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-9", Span(0, 10)),
        ("bytes=90-", Span(90, 10)),
        ("bytes=90-1000", Span(90, 10)),
        ("bytes=-10", Span(90, 10)),
        ("bytes=-1000", Span(0, 100)),
        ("Bytes = 0-0", Span(0, 1)),
        (None, None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-9", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=٠-٩", None),
    ],
)
def test_ranges_as_in_rfc_9110(header: str | None, wanted: Span | None) -> None:
    """One range is served; what isn't understood, several ranges among it, means the whole file."""
    assert span(header, 100) == wanted


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    """A client whose file is longer than ours must not get the wrong bytes."""
    with pytest.raises(Unsatisfiable):
        span(header, 100)


@given(st.text() | st.from_regex(r"bytes=[0-9]{0,25}-[0-9]{0,25}", fullmatch=True), st.integers(0, 1 << 40))
def test_a_span_lies_within_the_file(header: str, size: int) -> None:
    """No header makes us read outside the file, or raises anything else."""
    try:
        found = span(header, size)
    except Unsatisfiable:
        return
    if found is not None:
        assert 0 <= found.start < size
        assert 0 < found.length <= size - found.start
