"""What the operator's commands are tested against."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from operator_api import Operator, served


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    """A server with nothing in it, and FILES in files.yaml."""
    async with served(tmp_path) as operator:
        yield operator
