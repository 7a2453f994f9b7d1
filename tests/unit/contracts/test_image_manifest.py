"""A manifest is written in one way, and whatever else is read is one clear error."""

import contextlib
import hashlib
import json
import os
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.contracts.image_manifest import (
    BLOCK_BYTES,
    MOST_BLOCKS,
    MOST_BYTES,
    MOST_PAIRS,
    ImageManifest,
    ManifestError,
    Stored,
    zero_hash,
)

DIGEST = "sha256:" + "ab" * 32
STORED = Stored(size=9_000_000, digest=DIGEST, kind="zstd", points=((4096, 5_000_000), (7000, 9_000_000)))
HASHES = hashlib.sha256(b"first").digest() + zero_hash(BLOCK_BYTES) + zero_hash(2_000_000)
SIZE = 2 * BLOCK_BYTES + 2_000_000
SAMPLE = ImageManifest.of(
    raw_size=SIZE,
    hashes=HASHES,
    sector_size=4096,
    holes=((8192, 1 << 20), (BLOCK_BYTES - 4096, SIZE - BLOCK_BYTES + 4096)),
    stored=STORED,
)


def _sealed(**changed: Any) -> bytes:
    """The sample's file with other values, in its order, and with the root that these have."""
    fields = json.loads(SAMPLE.encode()) | changed
    hashes = fields.pop("hashes")
    del fields["root"]
    digest = hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode() + HASHES).hexdigest()
    sealed = fields | {"root": f"sha256:{digest}", "hashes": hashes}
    return json.dumps(sealed, separators=(",", ":")).encode() + b"\n"


@st.composite
def manifests(draw: st.DrawFn) -> ImageManifest:
    """Any manifest of a small image."""
    blocks = draw(st.integers(1, 5))
    size = draw(st.integers((blocks - 1) * BLOCK_BYTES + 1, blocks * BLOCK_BYTES))
    kind = draw(st.sampled_from(["raw", "gzip", "zstd"]))
    stored_size = size if kind == "raw" else draw(st.integers(3, 2**40))
    points = ((1, 1), (2, size - 1)) if kind != "raw" and size > 2 and draw(st.booleans()) else ()
    stored = Stored(stored_size, draw(st.sampled_from([DIGEST, "sha512:" + "0" * 128])), kind, points)
    return ImageManifest.of(
        raw_size=size,
        hashes=draw(st.binary(min_size=32 * blocks, max_size=32 * blocks)),
        sector_size=draw(st.sampled_from([512, 4096, None])),
        holes=((0, 4096),) if size > 4096 and draw(st.booleans()) else (),
        stored=stored if draw(st.booleans()) else None,
    )


@given(manifests())
def test_what_was_written_is_read(manifest: ImageManifest) -> None:
    """And it is one line."""
    assert ImageManifest.decode(manifest.encode()) == manifest
    assert manifest.encode().find(b"\n") == len(manifest.encode()) - 1


def test_the_sample_is_read() -> None:
    """The way in which the tests below change it is right when nothing is changed."""
    assert _sealed() == SAMPLE.encode()
    assert ImageManifest.decode(_sealed()) == SAMPLE


@given(st.binary())
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Anything that is no manifest is a ManifestError."""
    for tried in (data, SAMPLE.encode()[:30] + data, data + SAMPLE.encode()):
        with contextlib.suppress(ManifestError):
            assert ImageManifest.decode(tried).encode() == tried


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*json.loads(SAMPLE.encode())]), _JSON)
def test_no_value_breaks_the_reader(name: str, value: object) -> None:
    """Any JSON in the place of any field is a ManifestError, unless it is a value that may be there."""
    if name in ("hashes", "root"):
        name = "holes"
    with contextlib.suppress(ManifestError):
        ImageManifest.decode(_sealed(**{name: value}))


@settings(max_examples=300)
@given(st.integers(0, len(SAMPLE.encode()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(position: int, difference: int) -> None:
    """Wherever it is."""
    data = bytearray(SAMPLE.encode())
    data[position] ^= difference
    with pytest.raises(ManifestError):
        ImageManifest.decode(bytes(data))


@given(st.integers(0, len(SAMPLE.encode()) - 1))
def test_a_part_is_noticed(length: int) -> None:
    """A manifest that was cut off isn't one."""
    with pytest.raises(ManifestError):
        ImageManifest.decode(SAMPLE.encode()[:length])


def _stored(**changed: Any) -> dict[str, Any]:
    return {"stored": json.loads(SAMPLE.encode())["stored"] | changed}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": "osie-image-manifest/2"}, "another version than 1"),
        ({"format": "tar"}, "no Osie image manifest"),
        ({"algorithm": "md5"}, "algorithm isn't sha256"),
        ({"raw_size": 0}, "raw_size isn't a number from 1"),
        ({"raw_size": True}, "raw_size isn't a number"),
        ({"raw_size": float(SIZE)}, "raw_size isn't a number"),
        ({"raw_size": MOST_BLOCKS * BLOCK_BYTES + 1}, "raw_size isn't a number"),
        ({"raw_size": SIZE - BLOCK_BYTES}, "3 hashes, and the image 2 blocks"),
        ({"sector_size": 513}, "sector_size isn't 512 or 4096"),
        ({"sector_size": 512.0}, "sector_size isn't 512 or 4096"),
        ({"block_size": 1 << 20}, "block_size isn't 4194304"),
        ({"holes": [[4096, 4096], [8192, 4096]]}, "holes isn't a number from 8193"),  # one hole in two
        ({"holes": [[8192, 4096], [0, 4096]]}, "holes isn't a number from 12289"),
        ({"holes": [[0, SIZE + 1]]}, "holes isn't a number from 1 to"),
        ({"holes": [[0, 0]]}, "holes isn't a number from 1 to"),
        ({"holes": [[1, 4096]]}, "hole at 1 isn't made of whole 4096 bytes"),
        ({"holes": [[0, 4095]]}, "hole at 0 isn't made of whole 4096 bytes"),
        ({"holes": [[0, BLOCK_BYTES]]}, "hole at 0 has the hash of something else"),
        ({"holes": [[0]]}, "a field is of the wrong type"),
        ({"holes": {}}, "must be lists"),
        ({"holes": [[n * 8192, 4096] for n in range(MOST_PAIRS + 1)]}, f"lists of at most {MOST_PAIRS}"),
        ({"stored": 1}, "a field is of the wrong type"),
        (_stored(size=-1), "stored size isn't a number"),
        (_stored(kind="qcow2"), "stored kind isn't raw or gzip"),
        (_stored(digest="sha256:00"), "stored digest isn't"),
        (_stored(kind="raw", points=[]), "raw, but not the image as it is"),
        (_stored(points=[[9_000_000, 5]]), "points isn't a number"),
        (_stored(points=[[5, SIZE]]), "points isn't a number"),
        (_stored(points=[[5, 5], [6, 5]]), "points isn't a number from 6"),
        (_stored(points=[["5", 5]]), "points isn't a number"),
        (_stored(more=1), "isn't written as Osie writes it"),
        ({"more": 1}, "isn't written as Osie writes it"),
        ({"hashes": "AA=="}, "1 hashes|0.03125 hashes"),
        ({"hashes": "AB=="}, "unused bits"),
        ({"hashes": "A A="}, "aren't base64"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], told: str) -> None:
    """Every field has a range, though the root be right."""
    with pytest.raises(ManifestError, match=told) as caught:
        ImageManifest.decode(_sealed(**changed))
    assert "\n" not in str(caught.value)


def test_a_field_that_is_missing_is_named() -> None:
    """Its name is told."""
    with pytest.raises(ManifestError, match="has no 'sector_size'"):
        ImageManifest.decode(SAMPLE.encode().replace(b'"sector_size":4096,', b""))


def test_a_sum_of_its_own_isnt_enough() -> None:
    """A field in its range with the root of before is noticed."""
    with pytest.raises(ManifestError, match="root hash isn't that of its contents"):
        ImageManifest.decode(SAMPLE.encode().replace(b'"sector_size":4096,', b'"sector_size":512,'))


def test_the_last_block_may_be_short() -> None:
    """Its length is what is left."""
    assert SAMPLE.block_count == 3
    assert [SAMPLE.length_of(block) for block in range(3)] == [BLOCK_BYTES, BLOCK_BYTES, 2_000_000]
    assert SAMPLE.hash_of(2) == zero_hash(2_000_000)
    with pytest.raises(IndexError):
        SAMPLE.hash_of(3)


@pytest.mark.parametrize(
    ("offset", "point"),
    [(0, (0, 0)), (4_999_999, (0, 0)), (5_000_000, (4096, 5_000_000)), (SIZE, (7000, 9_000_000))],
)
def test_the_point_to_go_on_from_is_the_last_before(offset: int, point: tuple[int, int]) -> None:
    """What is between it and the offset has to be decompressed again."""
    assert SAMPLE.point_before(offset) == point


def test_a_raw_image_goes_on_anywhere() -> None:
    """Stored and raw offsets are the same; without a stored file it goes on from the start."""
    raw = ImageManifest.of(raw_size=5000, hashes=bytes(32), stored=Stored(5000, DIGEST, "raw"))
    assert raw.point_before(4321) == (4321, 4321)
    assert ImageManifest.of(raw_size=5000, hashes=bytes(32)).point_before(4321) == (0, 0)


@pytest.mark.parametrize(
    ("offset", "end"), [(BLOCK_BYTES, 4096), (5_000_000, 4096), (5_000_001, 7000), (9_000_001, None)]
)
def test_no_more_is_fetched_than_a_part_takes(offset: int, end: int | None) -> None:
    """Up to the first point at or behind it; behind the last point all is needed."""
    assert SAMPLE.stored_end(offset) == end


def test_a_tebibyte_takes_little_memory() -> None:
    """The largest manifest is within what may be fetched, and decoding it takes 20 MiB beside its file."""
    stored = Stored(2**53, DIGEST, "zstd", tuple((2**42 + n, 2**39 + n) for n in range(MOST_PAIRS)))
    holes = tuple((2**39 + n * 8192, 4096) for n in range(MOST_PAIRS))
    data = ImageManifest.of(
        raw_size=MOST_BLOCKS * BLOCK_BYTES, hashes=os.urandom(32 * MOST_BLOCKS), holes=holes, stored=stored
    ).encode()
    assert len(data) < MOST_BYTES
    tracemalloc.start()
    try:
        ImageManifest.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
