"""Hardware addresses have one form."""

import pytest

from osie.contracts import mac


@pytest.mark.parametrize(
    "text", ["52:54:00:AB:CD:0E", "52-54-00-ab-cd-0e", "525400abcd0e", " 52:54:00:ab:cd:0e\n"]
)
def test_all_spellings_are_one(text: str) -> None:
    """Colons, hyphens, upper case: the same address."""
    assert mac.normalise(text) == "52:54:00:ab:cd:0e"


@pytest.mark.parametrize("text", ["", "52:54:00:ab:cd", "52:54:00:ab:cd:0g", "52:54:00:ab:cd:0e:11"])
def test_anything_else_is_refused(text: str) -> None:
    """No guess is made of what was meant."""
    with pytest.raises(ValueError, match="not a MAC address"):
        mac.normalise(text)
