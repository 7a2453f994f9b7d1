"""The table for people: docs/reference/truncation-matrix.md."""

from collections.abc import Callable
from pathlib import Path

from integration.matrix.cells import Cell, Outcome
from integration.matrix.faults import FAULTS, Fault
from integration.matrix.formats import NAMES
from integration.matrix.trusts import TRUSTS

DOCUMENT = Path(__file__).parents[3] / "docs/reference/truncation-matrix.md"

_ABOVE = Path(__file__).with_name("above.md")


def document(look_up: Callable[[Cell], Outcome]) -> str:
    """The whole file."""
    stored = [fault for fault in FAULTS if fault.where == "file"]
    way = [fault for fault in FAULTS if fault.where == "way"]
    return "\n".join(
        [
            _ABOVE.read_text(),
            "## The file on the server is bad",
            "",
            *_table(stored, look_up),
            "",
            "## The file is right, and the way to it is bad",
            "",
            *_table(way, look_up),
            "",
        ]
    )


def _mark(cell: Cell, look_up: Callable[[Cell], Outcome]) -> str:
    found = look_up(cell).found
    if found == "untouched" and cell.expected == {"untouched"}:
        return "–"
    return {"installed": "✔", "untouched": "✗", "erased": "✗", "unseen": "!", "broken": "BROKEN"}[found]


def _table(faults: list[Fault], look_up: Callable[[Cell], Outcome]) -> list[str]:
    def marks(fault: Fault, name: str) -> str:
        if name not in fault.formats:
            return ""
        return " ".join(_mark(Cell(fault, name, trust), look_up) for trust in TRUSTS)

    lines = [f"| what is wrong | {' | '.join(NAMES)} |", f"| --- |{' --- |' * len(NAMES)}"]
    lines += [f"| {fault.name} | {' | '.join(marks(fault, name) for name in NAMES)} |" for fault in faults]
    return lines
