"""No byte of a block is handed on before all of the block is right."""

import hashlib
import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.trust.blocks import verified_blocks
from osie.actions.unpack.decompress import ImageError
from osie.contracts.image_manifest import BLOCK_BYTES, ImageManifest

_ANY = random.Random(1)
IMAGE = _ANY.randbytes(BLOCK_BYTES) + bytes(BLOCK_BYTES) + _ANY.randbytes(100_001)


def _hashes(image: bytes) -> bytes:
    cut = range(0, len(image), BLOCK_BYTES)
    return b"".join(hashlib.sha256(image[start : start + BLOCK_BYTES]).digest() for start in cut)


MANIFEST = ImageManifest.of(raw_size=len(IMAGE), hashes=_hashes(IMAGE))


def _cut(image: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(place % (len(image) + 1) for place in places), len(image)]
    return (image[start:end] for start, end in itertools.pairwise(edges))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**32), max_size=6))
def test_blocks_are_whole_however_the_pieces_are_cut(places: list[int]) -> None:
    """Also where a piece is empty, or holds several blocks."""
    blocks = list(verified_blocks(_cut(IMAGE, places), MANIFEST))
    assert [len(block) for block in blocks] == [BLOCK_BYTES, BLOCK_BYTES, 100_001]
    assert b"".join(blocks) == IMAGE


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(IMAGE) - 1), st.integers(1, 255), st.lists(st.integers(0, 2**32), max_size=3))
def test_a_wrong_block_isnt_handed_on(position: int, difference: int, places: list[int]) -> None:
    """Those before it are; it is named with its place."""
    wrong = bytearray(IMAGE)
    wrong[position] ^= difference
    blocks = verified_blocks(_cut(bytes(wrong), places), MANIFEST)
    block = position // BLOCK_BYTES
    for index in range(block):
        assert next(blocks) == IMAGE[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]
    with pytest.raises(ImageError, match=rf"block {block} differs \(bytes {block * BLOCK_BYTES} to "):
        next(blocks)


@pytest.mark.parametrize("length", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, len(IMAGE) - 1])
def test_a_short_image_is_an_error(length: int) -> None:
    """Where it ends is told."""
    with pytest.raises(ImageError, match=f"ends after {length} bytes, and its manifest has {len(IMAGE)}"):
        list(verified_blocks(iter([IMAGE[:length]]), MANIFEST))


@pytest.mark.parametrize("pieces", [[IMAGE + b"\0"], [IMAGE, b"", b"\0"]])
def test_a_long_image_is_an_error(pieces: list[bytes]) -> None:
    """A single byte more is noticed."""
    with pytest.raises(ImageError, match=f"longer than the {len(IMAGE)} bytes"):
        list(verified_blocks(iter(pieces), MANIFEST))


def test_it_begins_at_any_block() -> None:
    """The pieces then begin there as well."""
    assert list(verified_blocks(iter([IMAGE[BLOCK_BYTES:]]), MANIFEST, 1))[1] == IMAGE[2 * BLOCK_BYTES :]
    with pytest.raises(ImageError, match="block 1 differs"):
        list(verified_blocks(iter([IMAGE]), MANIFEST, 1))


def test_it_stops_at_any_block() -> None:
    """What follows isn't looked at, nor asked for."""

    def pieces() -> Iterator[bytes]:
        yield IMAGE[: 2 * BLOCK_BYTES]
        raise AssertionError("asked for more")

    assert b"".join(verified_blocks(pieces(), MANIFEST, 0, 2)) == IMAGE[: 2 * BLOCK_BYTES]


def test_zeroes_where_others_belong_are_an_error() -> None:
    """That they aren't hashed doesn't make them right."""
    with pytest.raises(ImageError, match="block 0 differs"):
        list(verified_blocks(iter([bytes(len(IMAGE))]), MANIFEST))
