"""The hashes of what was written, block by block."""

import os
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.disk.hashes import NotedHashes
from osie.contracts.image_manifest import BLOCK_BYTES

MIB = 1 << 20
NOISE = os.urandom(5 * MIB)


def crc(data: bytes) -> bytes:
    """As the standard library has it."""
    return zlib.crc32(data).to_bytes(4, "big")


IMAGE = NOISE[: 3 * MIB] + bytes(10 * MIB) + NOISE + bytes(8 * MIB) + NOISE[:777]


@given(st.lists(st.integers(1, 9 * MIB), max_size=8))
@settings(max_examples=20, deadline=None)
def test_hashes_are_the_blocks_whatever_the_pieces(cuts: list[int]) -> None:
    """Pieces may be small, or hold several blocks; the last block may be short."""
    noted, position = NotedHashes(), 0
    for cut in [*cuts, len(IMAGE)]:
        noted.add(IMAGE[position : position + cut])
        position += cut
    blocks = [IMAGE[at : at + BLOCK_BYTES] for at in range(0, len(IMAGE), BLOCK_BYTES)]
    assert noted.raw_size == len(IMAGE)
    assert noted.block_count == len(blocks)
    assert [noted.hash_of(i) for i in range(len(blocks))] == [crc(block) for block in blocks]


def test_what_goes_by_stays_as_it_is() -> None:
    """The pieces pass unchanged, and blocks of zeroes are known as such."""
    noted = NotedHashes()
    assert b"".join(noted.passing(iter([IMAGE]))) == IMAGE
    assert [noted.hash_of(i) == noted.of_zeroes for i in range(7)] == [i in (1, 2, 5) for i in range(7)]


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_the_last_block_is_counted(size: int) -> None:
    """Whole, short, or none at all."""
    noted = NotedHashes()
    noted.add(bytes(size))
    assert noted.block_count == -(-size // BLOCK_BYTES)
    if size:
        last = size - (noted.block_count - 1) * BLOCK_BYTES
        assert noted.hash_of(noted.block_count - 1) == crc(bytes(last))
