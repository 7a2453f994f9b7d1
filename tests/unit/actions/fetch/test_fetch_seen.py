"""The fingerprint of what was handed on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.fetch.seen import Changed, Follower, Seen


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def _follow(seen: Seen, start: int, pieces: list[bytes]) -> None:
    follower = Follower(seen, start)
    for piece in pieces:
        follower.take(piece)


@given(
    st.binary(min_size=2, max_size=300), st.lists(st.integers(0)), st.lists(st.integers(0)), st.integers(1)
)
def test_the_same_bytes_again_are_the_same(
    data: bytes, cuts: list[int], other_cuts: list[int], had: int
) -> None:
    """However both streams are cut into pieces, and wherever the first one broke."""
    seen = Seen()
    _follow(seen, 0, _pieces(data[: had % len(data)], cuts))
    _follow(seen, 0, _pieces(data, other_cuts))
    assert seen.covered == len(data)
    assert not seen.gap


@given(st.binary(min_size=2, max_size=300), st.integers(0), st.integers(0))
def test_other_bytes_are_noticed(data: bytes, where: int, cut: int) -> None:
    """One wrong bit before the place up to which bytes were handed on."""
    seen = Seen()
    _follow(seen, 0, [data])
    wrong = bytearray(data)
    wrong[where % len(data)] ^= 1
    with pytest.raises(Changed):
        _follow(seen, 0, _pieces(bytes(wrong), [cut]))


def test_a_stream_that_goes_on_is_part_of_it() -> None:
    """A resumed stream extends the fingerprint; one from further behind leaves a gap."""
    seen = Seen()
    _follow(seen, 0, [b"abc"])
    _follow(seen, 3, [b"def"])
    _follow(seen, 0, [b"abcdefg"])
    assert (seen.covered, seen.gap) == (7, False)
    _follow(seen, 9, [b"j"])
    assert seen.gap
