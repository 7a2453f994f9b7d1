"""The hashes of what was written, block by block."""

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.disk.hashes import NotedHashes
from osie.contracts.image_manifest import BLOCK_BYTES, zero_hash

MIB = 1 << 20
NOISE = os.urandom(5 * MIB)
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
    assert [noted.hash_of(i) for i in noted.known] == [hashlib.sha256(block).digest() for block in blocks]


def test_a_share_knows_its_ends_and_zeroes() -> None:
    """With no block chosen, the first two, the last, and those of zeroes are known all the same."""
    noted = NotedHashes(share=0)
    assert b"".join(noted.passing(iter([IMAGE]))) == IMAGE
    assert list(noted.known) == [0, 1, 2, 5, 6]
    assert noted.hash_of(2) == zero_hash(BLOCK_BYTES)
    assert noted.hash_of(6) == hashlib.sha256(IMAGE[6 * BLOCK_BYTES :]).digest()


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_the_last_block_is_counted(size: int) -> None:
    """Whole, short, or none at all."""
    noted = NotedHashes()
    noted.add(bytes(size))
    assert noted.block_count == len(noted.known) == -(-size // BLOCK_BYTES)
    if size:
        last = size - (noted.block_count - 1) * BLOCK_BYTES
        assert noted.hash_of(noted.block_count - 1) == hashlib.sha256(bytes(last)).digest()
