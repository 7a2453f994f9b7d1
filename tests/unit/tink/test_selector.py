"""Label selectors."""

import pytest

from osie.tink.domain.selector import Term, parse


def test_each_term_is_read() -> None:
    """The four forms, with blanks at will."""
    assert parse("rack=7, app.kubernetes.io/name!=x,gpu , !old") == (
        Term("rack", "7"),
        Term("app.kubernetes.io/name", "x", wanted=False),
        Term("gpu", None),
        Term("old", None, wanted=False),
    )
    assert parse("") == ()


@pytest.mark.parametrize("text", ["=7", "a b", "!a=b", "a in (b)", "a=b=c"])
def test_a_bad_term_is_named(text: str) -> None:
    """What isn't one of the forms is refused, with itself in the message."""
    with pytest.raises(ValueError, match="expected KEY=VALUE") as told:
        parse(f"ok=1,{text}")
    assert text in str(told.value)
