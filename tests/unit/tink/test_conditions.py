"""Faults of an action's `if` name the column in what the author wrote."""

import pytest

from osie.tink import conditions


@pytest.mark.parametrize(
    ("condition", "column"),
    [("nothing 1", 1), ('eq 1 2 | bogus "x"', 10), ("and true (bogus)", 11)],
)
async def test_a_fault_of_syntax_has_its_column(condition: str, column: int) -> None:
    (fault,) = await conditions.faults([condition])
    assert fault.startswith(f"column {column}: "), fault


async def test_a_fault_of_evaluation_has_its_column() -> None:
    verdict = await conditions.evaluate("eq 1 .actions.missing", {"actions": {}})
    assert not verdict.holds
    assert verdict.fault.startswith("column 1: "), verdict.fault  # gotpl names the pipeline
