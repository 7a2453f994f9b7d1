"""The demo's words for an action's progress."""

import pytest

from osie.cli.demo.screen import figures


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            {"unit": "bytes", "done": 40_400_000, "rate_per_s": 7.8e6, "eta_s": 1.2},
            "40.4 MB, 7.8 MB/s, 1 s left",
        ),
        ({"unit": "bytes", "done": 19_900_000, "rate_per_s": 0.0, "eta_s": None}, "19.9 MB"),
        ({"unit": "files", "done": 7, "rate_per_s": 1.0}, "7 files"),
    ],
)
def test_amounts(progress: dict[str, object], text: str) -> None:
    """A rate that could not be measured yet is left out."""
    assert figures(progress) == text
