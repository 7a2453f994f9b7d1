"""Small documents, files, and several places to look for an image."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from unruly import Answer, unruly

from osie.actions.fetch.document import get
from osie.actions.fetch.opening import source_for
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import CHUNK_BYTES, SourceError

QUICK = Patience(outage_s=0.7, stall_s=2)
BODY = os.urandom(2 * CHUNK_BYTES + 9)


def test_a_document_is_all_of_it_or_an_error(tmp_path: Path) -> None:
    """From a server, over a broken connection too, or from a file; never more than was agreed."""
    sums = b"abc  image\n" * 99
    (tmp_path / "sums").write_bytes(sums)
    with unruly() as server:
        well = server.serve(sums)
        for url in (well.url, server.serve(sums, Answer(upto=7), Answer()).url, f"file://{tmp_path}/sums"):
            assert get(url, len(sums), QUICK) == sums
            with pytest.raises(SourceError, match="larger than"):
                get(url, len(sums) - 1, QUICK)
        endless = server.serve(BODY, Answer(sized=False))
        with pytest.raises(SourceError, match="larger than"):
            get(endless.url, 1000, QUICK)
        assert get(server.serve(b"").url, 10, QUICK) == b""
    with pytest.raises(SourceError, match="refused"):
        get(well.url, 10, QUICK)
    with pytest.raises(SourceError, match="No such file"):
        get(f"file://{tmp_path}/none", 10, QUICK)


def test_a_file_can_be_read_from_any_place(tmp_path: Path) -> None:
    """Any part, any number of times."""
    file = tmp_path / "an image"
    file.write_bytes(BODY)
    source = source_for([file.as_uri()], QUICK, print)
    source.open()
    assert (source.total, source.ends_clearly, source.seekable) == (len(BODY), True, True)
    for start, end in [(0, None), (0, 10), (CHUNK_BYTES - 1, CHUNK_BYTES + 1), (len(BODY), None), (3, 10**9)]:
        assert b"".join(source.chunks(start, end)) == BODY[start:end]


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(BODY[:-1]),
        lambda file: file.write_bytes(BODY + b"x"),
        lambda file: os.utime(file, (1, 1)),
        lambda file: (file.unlink(), file.write_bytes(BODY)),
    ],
    ids=["shorter", "longer", "written", "another"],
)
def test_a_file_that_changes_is_an_error(change: Callable[[Path], object], tmp_path: Path) -> None:
    """Between two readings as well as during one."""
    file = tmp_path / "image"
    file.write_bytes(BODY)
    source = source_for([file.as_uri()], QUICK, print)
    source.open()
    pieces = source.chunks()
    next(pieces)
    change(file)
    with pytest.raises(SourceError, match="changed while it was read"):
        for _ in (*pieces, *source.chunks()):
            pass


def test_a_file_that_isnt_there_leaves_it_to_the_servers(tmp_path: Path) -> None:
    """And the other way round: the first place that has the image."""
    file = tmp_path / "image"
    with unruly() as server:
        served = server.serve(BODY)
        source = source_for([file.as_uri(), served.url], QUICK, print)
        assert b"".join(source.chunks()) == BODY
        assert served.sent == len(BODY)
        source.close()
        file.write_bytes(BODY)
        missing = server.serve(b"", Answer(status=404))
        source = source_for([missing.url, file.as_uri()], QUICK, print)
        assert b"".join(source.chunks()) == BODY
        source.close()
