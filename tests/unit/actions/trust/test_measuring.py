"""What a manifest says of an image is so."""

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.trust.measuring import HoleFinder, Measuring, PointKeeper, guessed_sector_size
from osie.contracts.image_manifest import BLOCK_BYTES, GRAIN_BYTES, MOST_PAIRS

MIB = 1 << 20


def _holes(image: bytes) -> list[tuple[int, int]]:
    finder = HoleFinder()
    for start in range(0, len(image), BLOCK_BYTES):
        finder.add(image[start : start + BLOCK_BYTES])
    return list(finder.holes())


def _by_grains(image: bytes) -> list[tuple[int, int]]:
    """The same, looked for the simple way."""
    found, start = [], None
    for at in range(0, len(image), GRAIN_BYTES):
        if image.count(0, at, at + GRAIN_BYTES) == len(image[at : at + GRAIN_BYTES]):
            start = at if start is None else start
        elif start is not None:
            found.append((start, at - start))
            start = None
    if start is not None:
        found.append((start, len(image) - start))
    return [hole for hole in found if hole[1] >= MIB]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5 * MIB // 2)), min_size=1, max_size=7))
def test_holes_are_all_runs_of_a_mebibyte(parts: list[tuple[bool, int]]) -> None:
    """Wherever they begin and end; in whole grains, but at the image's end."""
    image = b"".join(bytes(length) if zero else b"\1" * length for zero, length in parts)
    assert _holes(image) == _by_grains(image)


def test_a_manifest_holds_the_longest() -> None:
    """Where there are more holes than it can hold."""
    finder = HoleFinder(most=3)
    for length in (2, 1, 3, 1, 2, 1):
        finder.add(bytes(length * MIB) + b"\1" * (MIB // 2))
    holes = finder.holes()
    assert [length // MIB for _, length in holes] == [2, 3, 2]
    assert sorted(holes) == list(holes)


def test_the_manifest_is_of_what_passed_by() -> None:
    """Its size, hashes and holes; the constructor compares the holes with the hashes."""
    image = os.urandom(MIB) + bytes(2 * BLOCK_BYTES)
    measuring = Measuring()
    for start in range(0, len(image), BLOCK_BYTES):
        measuring.add(image[start : start + BLOCK_BYTES])
    manifest = measuring.manifest(None)
    assert manifest.raw_size == len(image)
    assert manifest.holes == ((MIB, 2 * BLOCK_BYTES),)
    assert manifest.sector_size is None


def _first(*at: int, mbr: bool = False, lba: int = 1) -> bytes:
    """An image's first bytes, with GPT headers at these places."""
    image = bytearray(8192)
    for offset in at:
        image[offset : offset + 8] = b"EFI PART"
        image[offset + 24] = lba
    if mbr:
        image[510:512] = b"\x55\xaa"
    return bytes(image)


@pytest.mark.parametrize(
    ("first", "size"),
    [
        (_first(512), 512),
        (_first(4096, mbr=True), 4096),
        (_first(512, 4096, mbr=True), None),  # one for each
        (_first(mbr=True), 512),
        (_first(1024), None),
        (_first(4096, lba=8), None),  # the eighth sector of 512
        (_first(), None),
        (b"EFI PART", None),
        (b"", None),
    ],
)
def test_a_partition_table_tells_the_sector_size(first: bytes, size: int | None) -> None:
    """Where a GPT's header is; an MBR counts in 512; an image without either fits any disk."""
    assert guessed_sector_size(first) == size


def test_points_are_thinned_until_they_fit() -> None:
    """They stay spread over all of the image."""
    keeper = PointKeeper()
    for index in range(50_000):
        keeper.add(index * 100, index * MIB)
    points = keeper.points(50_000 * MIB)
    assert MOST_PAIRS / 3 < len(points) <= MOST_PAIRS
    gaps = {after[1] - before[1] for before, after in itertools.pairwise(points)}
    assert max(gaps) <= 16 * MIB


def test_a_point_with_nothing_after_it_is_left_out() -> None:
    """An empty member at the end is no place to go on from."""
    keeper = PointKeeper()
    keeper.add(0, 0)
    keeper.add(10, 5 * MIB)
    keeper.add(20, 10 * MIB)
    assert keeper.points(10 * MIB) == ((10, 5 * MIB),)
