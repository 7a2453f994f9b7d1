"""Syslog lines of both formats are read, and nothing a sender does raises."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.boots import syslog


@pytest.mark.parametrize(
    ("datagram", "lines"),
    [
        (
            b"<14>1 2026-01-02T03:04:05.6Z node-1 osie 42 - - osie: init ok at=2.6",
            ["osie: osie: init ok at=2.6"],
        ),
        (b'<11>1 - - app - ID [a@1 b="x\\]y"][c@2] \xef\xbb\xbftext', ["error app: text"]),
        (b"<14>1 - - - - - -", []),
        (b"<30>Jan  2 03:04:05 node-1 dockerd[7]: started", ["dockerd: started"]),
        (b"<4>kernel: Oops", ["warning kernel: Oops"]),
        (b"no frame at all", ["no frame at all"]),
        (b"<999>x: y\0", ["<999>x: y"]),
        (b"<14>a: one\ntwo\x1b[31m\n\n", ["a: one", "a: two [31m"]),
        (b"", []),
    ],
)
def test_senders_of_both_kinds_are_understood(datagram: bytes, lines: list[str]) -> None:
    """RFC 5424, RFC 3164, and what passes for them."""
    assert syslog.parse(datagram).lines() == lines


PIECES = st.sampled_from(
    [b"<14>", b"1 ", b"- ", b"[", b"]", b'"', b"\\", b"a:", b"Jan  2 03:04:05 ", b"\n", b"\xff", b"\0", b"x="]
)


@given(st.binary() | st.lists(PIECES).map(b"".join))
def test_nothing_raises_and_nothing_reaches_a_terminal(datagram: bytes) -> None:
    """Any datagram becomes lines without control characters."""
    for line in syslog.parse(datagram).lines():
        assert line.isprintable()
        assert line.strip()


def _processor_s(datagram: bytes) -> float:
    """Parse it five times; return the least of the processor's seconds."""
    taken = []
    for _ in range(5):
        began = time.process_time()
        syslog.parse(datagram)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("piece", [b"[", b'["', b"[]", b"[\\", b'[a="'])
def test_structured_data_cannot_make_it_slow(piece: bytes) -> None:
    """Eight times as many brackets and quotes take about eight times as long: 64 times would be a square."""
    short, long = (b"<14>1 - - - - - " + piece * (size // len(piece)) for size in (8_000, 64_000))
    assert _processor_s(long) < 32 * _processor_s(short)
