"""Zeroes are found once, and known by identity after that."""

from hypothesis import given
from hypothesis import strategies as st

from osie.actions import zeroes
from osie.actions.disk.zero_runs import GRAIN, runs
from osie.actions.unpack.parts import PIECE_BYTES


def test_whole_pieces_of_zeroes_become_the_one() -> None:
    """Others pass as they are: short ones, and those with a byte in them."""
    almost = bytes(PIECE_BYTES - 1) + b"\1"
    pieces = [bytes(PIECE_BYTES), almost, bytes(7)]
    passed = list(zeroes.told(iter(pieces)))
    assert passed == pieces
    assert [piece is zeroes.PIECE for piece in passed] == [True, False, False]


@given(st.integers(0, PIECE_BYTES), st.integers(0, PIECE_BYTES), st.integers(0, 3))
def test_parts_of_it_are_known(first: int, second: int, grains: int) -> None:
    """Views of the one are told from views of equal bytes by nothing but the work it takes."""
    begin, end = sorted((first, second))
    assert zeroes.are(memoryview(zeroes.PIECE)[begin:end])
    assert zeroes.are(memoryview(bytes(PIECE_BYTES))[begin:end])
    offset = grains * GRAIN
    same = bytes(bytearray(PIECE_BYTES))
    assert list(runs(zeroes.PIECE, offset, begin, end)) == list(runs(same, offset, begin, end))


def test_what_is_not_zeroes_is_not() -> None:
    """Wherever the other byte is."""
    for place in (0, 1, PIECE_BYTES // 2, PIECE_BYTES - 1):
        data = bytearray(PIECE_BYTES)
        data[place] = 1
        assert not zeroes.are(bytes(data))
        assert not zeroes.are(memoryview(bytes(data)))
