"""Every format, every fault, every kind of trust: image2disk never says that it succeeded when it didn't."""

import os
from collections.abc import Callable

import pytest
from integration.matrix.cells import CELLS, ON_A_DEVICE, Cell, Outcome
from integration.matrix.published import DOCUMENT, document


@pytest.mark.parametrize("cell", [*CELLS, *ON_A_DEVICE], ids=str)
def test_the_right_bytes_or_a_clear_error(cell: Cell, outcome_of: Callable[[Cell], Outcome]) -> None:
    """What can be recovered is; else 1, one clear line, and a disk that is as before or can't boot."""
    outcome = outcome_of(cell)
    told = f"{outcome.found}, expected {cell.expected}: {outcome.done}"
    assert outcome.found in cell.expected, told
    if outcome.found in ("untouched", "erased"):
        assert outcome.is_clear(cell.fault.says), told
    else:
        assert outcome.warned == (cell.trust == "no digest"), told


def test_the_published_table_is_what_was_found(whole_table: Callable[[Cell], Outcome]) -> None:
    """docs/reference/truncation-matrix.md shows what this run found; OSIE_WRITE_DOCS=1 writes it."""
    found = document(whole_table)
    if os.environ.get("OSIE_WRITE_DOCS"):
        DOCUMENT.write_text(found)
    assert DOCUMENT.read_text() == found
