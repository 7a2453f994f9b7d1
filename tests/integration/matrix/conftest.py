"""All cells at work side by side, each waited for by its test."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from integration.matrix.cells import CELLS, OLD, Cell, Outcome, run_cell
from integration.matrix.formats import HOLES, NAMES, image, stored_as
from integration.matrix.nursery import Nursery
from unruly import unruly

from osie.core.process import run as run_program

WORKERS = 6  # cells wait more than they work: for stalls, retries, syncs


@pytest.fixture(scope="session")
def outcome_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Cell], Outcome]]:
    """What became of a cell. Those that the tests of this run ask for are begun together."""
    folder = tmp_path_factory.mktemp("matrix")
    raw = image()
    stored = {name: stored_as(name, raw, HOLES) for name in NAMES}
    mine, numbers = threading.local(), count()
    with ExitStack() as stack:
        server = stack.enter_context(unruly())
        tools = stack.enter_context(ExitStack())  # left after the pool, which uses them

        def settle() -> None:
            mine.folder = folder / str(next(numbers))
            mine.folder.mkdir()
            mine.nursery = Nursery(mine.folder)
            tools.callback(mine.nursery.close)
            mine.device = attached(mine.folder / "device")
            tools.callback(run_program, ["losetup", "--detach", mine.device])

        def run(cell: Cell) -> Outcome:
            disk = mine.device if cell.device else mine.folder / "disk"
            return run_cell(cell, stored[cell.format], server, mine.nursery, disk)

        pool = ThreadPoolExecutor(WORKERS, initializer=settle)
        stack.callback(pool.shutdown, cancel_futures=True)
        wanted = {str(cell): cell for item in request.session.items for cell in _wanted_by(item)}
        futures = {name: pool.submit(run, cell) for name, cell in wanted.items()}
        yield lambda cell: futures[str(cell)].result()


def attached(file: Path) -> Path:
    """A loop device of a file as large as the older system's disk."""
    file.write_bytes(OLD)
    return Path(run_program(["losetup", "--find", "--show", "--partscan", file]).stdout.strip())


def _wanted_by(item: pytest.Item) -> list[Cell]:
    if "whole_table" in getattr(item, "fixturenames", ()):
        return CELLS
    callspec = getattr(item, "callspec", None)
    return [value for value in callspec.params.values() if isinstance(value, Cell)] if callspec else []


@pytest.fixture
def whole_table(outcome_of: Callable[[Cell], Outcome]) -> Callable[[Cell], Outcome]:
    """What became of each and every cell."""
    return outcome_of
