"""Streams come in any pieces; what comes out is the image, or an error, never a part of it."""

import lzma

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.unpack.decompress import ImageError, blocks, decompressed, kind_of, size_told
from tests.unit.actions.unpack.packing import PACKINGS, Packing, in_pieces

packings = st.sampled_from(PACKINGS)
each_packing = pytest.mark.parametrize("packing", PACKINGS, ids=lambda packing: packing.name)
members = st.lists(st.one_of(st.binary(max_size=400), st.just(bytes(150_000))), min_size=1, max_size=3)
cuts = st.lists(st.integers(0, 1 << 20), max_size=6)
threads_wanted = st.integers(1, 3)
zstd = zstandard.ZstdCompressor(level=1, write_checksum=True).compress


@settings(max_examples=100, deadline=None)
@given(packings, members, cuts, threads_wanted)
def test_members_in_any_pieces_are_one_image(
    packing: Packing, parts: list[bytes], at: list[int], threads: int
) -> None:
    """Members, streams and frames are joined, however the input is cut and whoever decompresses."""
    packed = b"".join(packing.pack(part) for part in parts)
    assert b"".join(decompressed(in_pieces(packed, at), packing.kind, threads=threads)) == b"".join(parts)


@settings(max_examples=100, deadline=None)
@given(packings, members, st.integers(0, 1 << 30), cuts, threads_wanted)
def test_a_stream_cut_inside_a_member_is_an_error(
    packing: Packing, parts: list[bytes], place: int, at: list[int], threads: int
) -> None:
    """Whatever is missing, unless whole members: those only a length or a digest can miss."""
    packed = [packing.pack(part) for part in parts]
    whole = b"".join(packed)
    cut = place % len(whole)
    if packing.name == "blocked gzip":  # one member for every 65280 bytes
        packed = [packing.pack(part) for whole_part in parts for part in _as_members(whole_part)]
    ends = {sum(map(len, packed[: n + 1])) for n in range(len(packed))}
    if cut in ends:
        cut -= 1
    with pytest.raises(ImageError, match=r"truncated|corrupt"):
        list(decompressed(in_pieces(whole[:cut], at), packing.kind, threads=threads))


def _as_members(part: bytes) -> list[bytes]:
    return [part[start : start + 65280] for start in range(0, len(part) + 1, 65280)]


@each_packing
@pytest.mark.parametrize("threads", [1, 2])
def test_a_cut_at_any_byte_is_an_error(packing: Packing, threads: int) -> None:
    """Each length but the whole one, of an image of a few hundred bytes."""
    packed = packing.pack(bytes(range(256)) * 3)
    for cut in range(len(packed)):
        with pytest.raises(ImageError, match=r"truncated|corrupt"):
            list(decompressed(iter([packed[:cut]]), packing.kind, threads=threads))


@settings(max_examples=100, deadline=None)
@given(packings, st.binary(min_size=1, max_size=50), cuts, threads_wanted)
def test_what_follows_the_end_is_an_error(
    packing: Packing, garbage: bytes, at: list[int], threads: int
) -> None:
    """Bytes that are no further member aren't ignored; xz' own padding of four zeroes is none of them."""
    if packing.kind == "xz" and not garbage.strip(b"\0") and len(garbage) % 4 == 0:
        garbage += b"\0"
    with pytest.raises(ImageError, match=r"truncated|corrupt"):
        list(decompressed(in_pieces(packing.pack(b"image") + garbage, at), packing.kind, threads=threads))


@settings(max_examples=30, deadline=None)
@given(cuts, st.integers(0, 3), st.integers(0, 3), threads_wanted)
def test_xz_padding_is_allowed(at: list[int], between: int, after: int, threads: int) -> None:
    """Zeroes in fours, between streams and after the last (the xz file format, 2.2)."""
    packed = lzma.compress(b"a") + bytes(4 * between) + lzma.compress(b"b") + bytes(4 * after)
    assert b"".join(decompressed(in_pieces(packed, at), "xz", threads=threads)) == b"ab"


@settings(max_examples=200, deadline=None)
@given(packings, st.binary(min_size=50, max_size=400), st.integers(0, 1 << 30), threads_wanted)
def test_a_flipped_bit_never_gives_another_image(
    packing: Packing, data: bytes, place: int, threads: int
) -> None:
    """Each format's checksum is heeded: an error, or (a bit that means nothing) the very same bytes."""
    packed = bytearray(packing.pack(data))
    packed[place % len(packed)] ^= 1 << place % 8
    try:
        found = b"".join(decompressed(iter([bytes(packed)]), packing.kind, threads=threads))
    except ImageError:
        return
    assert found == data


@each_packing
@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_are_bounded(packing: Packing, threads: int) -> None:
    """A few kilobytes that stand for 16 MiB come out bit by bit."""
    packed = packing.pack(bytes(16 << 20))
    sizes = [len(piece) for piece in decompressed(iter([packed]), packing.kind, threads=threads)]
    assert sum(sizes) == 16 << 20
    assert max(sizes) <= 1 << 20


@each_packing
def test_the_format_is_told_by_the_first_bytes(packing: Packing) -> None:
    """Not by a name, and not by what the operator believes."""
    assert kind_of(packing.pack(b"x")) == packing.kind


@pytest.mark.parametrize(
    "first", [b"QFI\xfb\0\0\0\3", b"\x02\x21\x4c\x18", b"PK\x03\x04", b"<!DOCTYPE html>", b""]
)
def test_what_is_surely_no_disk_image_is_refused(first: bytes) -> None:
    """An error page a qcow2 file or lz4's legacy format on a disk would be a machine that doesn't boot."""
    with pytest.raises(ImageError, match=r"the image is "):
        kind_of(first)


def test_a_boot_sector_is_raw() -> None:
    """Whatever no format claims is the image itself; its size is the stream's."""
    assert kind_of(b"\xeb\x63\x90") == "raw"
    assert size_told(b"\xeb\x63\x90", "raw", 512) == 512


@pytest.mark.parametrize("size", [1, 255, 256, 65791, 65792, 1 << 20])
def test_zstd_tells_the_size_beforehand(size: int) -> None:
    """All widths of the field in the frame's header are understood."""
    packed = zstd(bytes(size))
    assert size_told(packed, "zstd", len(packed)) == size


def test_a_skippable_frame_is_skipped() -> None:
    """pzstd and others put their own frames before and between."""
    skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"
    packed = skippable + zstd(b"image") + skippable
    assert kind_of(packed) == "zstd"
    assert b"".join(decompressed(iter([packed]), "zstd")) == b"image"


def test_a_window_beyond_our_memory_is_refused() -> None:
    """zstd --long=31 asks for 2 GiB, which a small machine doesn't have."""
    window_of_256_mib = bytes([(28 - 10) << 3])  # RFC 8878, 3.1.1.1.2
    raw_last_block = (1 << 3 | 1).to_bytes(3, "little") + b"x"
    packed = b"\x28\xb5\x2f\xfd\0" + window_of_256_mib + raw_last_block
    with pytest.raises(ImageError, match="corrupt: zstd"):
        list(decompressed(iter([packed]), "zstd"))


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_blocks_regroup(pieces: list[bytes], size: int) -> None:
    """The same bytes, each block of the size but the last, and none empty."""
    regrouped = list(blocks(iter(pieces), size))
    assert b"".join(regrouped) == b"".join(pieces)
    assert all(len(block) == size for block in regrouped[:-1])
    assert all(regrouped)
