"""Faults of an action's `if` name the column in what the author wrote."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from osie.tink.files import conditions
from osie.tink.files.render_child import Job, render_all

_LONG = '{{ len (repeat 30000 "ab" | upper | lower | title) }}'
ENDLESS = f"{{{{ range until 300 }}}}{{{{ range until 300 }}}}{_LONG}{{{{ end }}}}{{{{ end }}}}"


@pytest.mark.parametrize(
    ("condition", "column"),
    [("nothing 1", 1), ('eq 1 2 | bogus "x"', 10), ("and true (bogus)", 11)],
)
async def test_a_fault_of_syntax_has_its_column(condition: str, column: int) -> None:
    """A fault of syntax is told with the column at which it stands."""
    (fault,) = await conditions.faults([condition])
    assert fault.startswith(f"column {column}: "), fault


async def test_a_fault_of_evaluation_has_its_column() -> None:
    """A fault of evaluation is told with its pipeline's column."""
    verdict = await conditions.evaluate("eq 1 .actions.missing", {"actions": {}})
    assert not verdict.holds
    assert verdict.fault.startswith("column 1: "), verdict.fault  # gotpl names the pipeline


async def test_an_agent_s_condition_does_not_wait_for_operators_templates() -> None:
    """However many batches there are that take all the time a template may."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    batches = [asyncio.create_task(render_all([Job(ENDLESS, {})])) for _ in range(3)]
    await asyncio.sleep(0)
    verdict = await conditions.evaluate("eq 1 1", {})
    assert verdict == conditions.Verdict(holds=True)
    assert not any(batch.done() for batch in batches)
    for (rendered,) in await asyncio.gather(*batches):
        assert "2 s of computing" in rendered.fault
