"""A call beside others: its result, its error, and that it really runs beside."""

import threading

import pytest

from osie.core.errors import OsieError
from osie.ramdisk.background import Background


def test_it_runs_beside_its_caller() -> None:
    """The caller goes on at once, and gets the result when it asks for it."""
    go = threading.Event()
    call = Background(lambda: go.wait(10), name="test")
    go.set()
    assert call.result() is True


def test_what_it_raises_reaches_who_asks() -> None:
    """An error is not lost with the thread."""

    def fail() -> None:
        raise OsieError("no network")

    with pytest.raises(OsieError, match="no network"):
        Background(fail, name="test").result()
