"""Container logs as lines."""

import struct
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from osie.core.errors import OsieError
from osie.worker.runtime.log_stream import CUT_MARK, LINE_LIMIT, Demultiplexer, Lines, lines, unix_s

STAMP = b"2026-11-23T10:26:51.926483792Z "
FRAMES = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=50)), max_size=20)


def frame(stream: str, payload: bytes) -> bytes:
    """A frame as engines write it."""
    return struct.pack(">BxxxI", {"stdout": 1, "stderr": 2}[stream], len(payload)) + payload


@given(FRAMES, st.data())
def test_any_split_gives_the_same_frames(frames: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """However the stream is cut into pieces, its frames come out whole and in order."""
    stream = b"".join(frame(*f) for f in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    demultiplexer = Demultiplexer()
    assert [f for piece in pieces for f in demultiplexer.feed(piece)] == frames


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(alphabet="abcé ", max_size=20))))
async def test_lines_keep_text_stream_and_order(told: list[tuple[str, str]]) -> None:
    """Whole lines come out as they were printed, numbered from 1, with their time."""

    async def pieces() -> AsyncIterator[bytes]:
        for stream, text in told:
            yield frame(stream, STAMP + text.encode() + b"\n")

    read = [line async for line in lines(pieces())]
    assert [(line.stream, line.text) for line in read] == told
    assert [line.sequence for line in read] == list(range(1, len(told) + 1))
    assert all(abs(line.at - unix_s(STAMP.decode().strip())) < 1e-3 for line in read)


def test_a_line_in_parts() -> None:
    """A line that the engine tells in several messages, each with a time, is one; streams don't mix."""
    assembled = Lines()
    assert assembled.feed("stdout", STAMP + b"one ") == []
    assert [line.text for line in assembled.feed("stderr", STAMP + b"other\n")] == ["other"]
    assert [line.text for line in assembled.feed("stdout", STAMP + b"line\n")] == ["one line"]


def test_last_line_without_newline() -> None:
    """What was printed last counts, though no newline follows."""
    assembled = Lines()
    assembled.feed("stdout", STAMP + b"oops")
    assert [line.text for line in assembled.end()] == ["oops"]


def test_endless_line_is_bounded() -> None:
    """A line without end takes no more memory than the limit, and says that it was cut."""
    assembled = Lines()
    for _ in range(10):
        assembled.feed("stdout", STAMP + b"x" * 16384)
    (line,) = assembled.feed("stdout", STAMP + b"\n")
    assert line.text == "x" * LINE_LIMIT + CUT_MARK


def test_rewritten_line_and_wrong_bytes() -> None:
    """Of a line rewritten by carriage returns the last state stays; bytes that aren't UTF-8 are replaced."""
    (line,) = Lines().feed("stdout", STAMP + b"10%\r20%\r\xff30%\r\n")
    assert line.text == "\ufffd30%"


def test_a_terminals_log_is_refused() -> None:
    """A stream that isn't multiplexed is told, and not read as garbage."""
    try:
        Demultiplexer().feed(b"hello world\n")
    except OsieError as error:
        assert "not multiplexed" in str(error)
    else:
        raise AssertionError
