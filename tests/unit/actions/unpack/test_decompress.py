"""Streams come in any pieces; what comes out is the image, or an error, never a part of it."""

import bz2
import gzip
import itertools
import lzma
from collections.abc import Callable, Iterator

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from osie.actions.unpack.decompress import ImageError, blocks, decompressed, kind_of, size_told
from osie.actions.unpack.zstd_frames import FrameWalker

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
    "zstd": zstandard.ZstdCompressor(level=1, write_checksum=True).compress,
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
}
kinds = st.sampled_from(sorted(PACK))
members = st.lists(st.one_of(st.binary(max_size=400), st.just(bytes(150_000))), min_size=1, max_size=3)
cuts = st.lists(st.integers(0, 1 << 20), max_size=6)


def in_pieces(data: bytes, at: list[int]) -> Iterator[bytes]:
    """The data, cut at the places."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return (data[start:end] for start, end in itertools.pairwise(places))


@settings(max_examples=60)
@given(kinds, members, cuts)
def test_members_in_any_pieces_are_one_image(kind: str, parts: list[bytes], at: list[int]) -> None:
    """gzip members, xz and bzip2 streams and zstd frames are joined, however the input is cut."""
    packed = b"".join(PACK[kind](part) for part in parts)
    assert b"".join(decompressed(in_pieces(packed, at), kind)) == b"".join(parts)


@settings(max_examples=60)
@given(kinds, members, st.integers(0, 1 << 30), cuts)
def test_a_stream_cut_inside_a_member_is_an_error(
    kind: str, parts: list[bytes], place: int, at: list[int]
) -> None:
    """Whatever is missing, unless whole members: those only a length or a digest can miss."""
    packed = [PACK[kind](part) for part in parts]
    whole = b"".join(packed)
    cut = place % len(whole)
    ends = {sum(map(len, packed[: n + 1])) for n in range(len(packed))}
    if cut in ends:
        cut -= 1
    with pytest.raises(ImageError, match=r"truncated|corrupt"):
        list(decompressed(in_pieces(whole[:cut], at), kind))


@given(kinds, st.binary(min_size=1, max_size=50), cuts)
def test_what_follows_the_end_is_an_error(kind: str, garbage: bytes, at: list[int]) -> None:
    """Bytes that are no further member aren't ignored; xz' own padding of four zeroes is none of them."""
    if kind == "xz" and not garbage.strip(b"\0") and len(garbage) % 4 == 0:
        garbage += b"\0"
    with pytest.raises(ImageError, match=r"truncated|corrupt"):
        list(decompressed(in_pieces(PACK[kind](b"image") + garbage, at), kind))


@settings(max_examples=30)
@given(cuts, st.integers(0, 3), st.integers(0, 3))
def test_xz_padding_is_allowed(at: list[int], between: int, after: int) -> None:
    """Zeroes in fours, between streams and after the last (the xz file format, 2.2)."""
    packed = lzma.compress(b"a") + bytes(4 * between) + lzma.compress(b"b") + bytes(4 * after)
    assert b"".join(decompressed(in_pieces(packed, at), "xz")) == b"ab"


@given(kinds, st.binary(min_size=50, max_size=400), st.integers(0, 1 << 30))
def test_a_flipped_bit_never_gives_another_image(kind: str, data: bytes, place: int) -> None:
    """Each format's checksum is heeded: an error, or (a bit that means nothing) the very same bytes."""
    packed = bytearray(PACK[kind](data))
    packed[place % len(packed)] ^= 1 << place % 8
    try:
        found = b"".join(decompressed(iter([bytes(packed)]), kind))
    except ImageError:
        return
    assert found == data


@pytest.mark.parametrize("kind", PACK)
def test_pieces_are_bounded(kind: str) -> None:
    """A kilobyte that stands for 16 MiB comes out bit by bit."""
    packed = PACK[kind](bytes(16 << 20))
    sizes = [len(piece) for piece in decompressed(iter([packed]), kind)]
    assert sum(sizes) == 16 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("kind", PACK)
def test_the_format_is_told_by_the_first_bytes(kind: str) -> None:
    """Not by a name, and not by what the operator believes."""
    assert kind_of(PACK[kind](b"x")) == kind


@pytest.mark.parametrize("first", [b"QFI\xfb\0\0\0\3", b"PK\x03\x04", b"<!DOCTYPE html>", b""])
def test_what_is_surely_no_disk_image_is_refused(first: bytes) -> None:
    """An error page or a qcow2 file on a disk would be a machine that doesn't boot."""
    with pytest.raises(ImageError, match=r"the image is "):
        kind_of(first)


def test_a_boot_sector_is_raw() -> None:
    """Whatever no format claims is the image itself; its size is the stream's."""
    assert kind_of(b"\xeb\x63\x90") == "raw"
    assert size_told(b"\xeb\x63\x90", "raw", 512) == 512


@pytest.mark.parametrize("size", [1, 255, 256, 65791, 65792, 1 << 20])
def test_zstd_tells_the_size_beforehand(size: int) -> None:
    """All widths of the field in the frame's header are understood."""
    packed = PACK["zstd"](bytes(size))
    assert size_told(packed, "zstd", len(packed)) == size


def test_a_skippable_frame_is_skipped() -> None:
    """pzstd and others put their own frames before and between."""
    skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"
    packed = skippable + PACK["zstd"](b"image") + skippable
    assert kind_of(packed) == "zstd"
    assert b"".join(decompressed(iter([packed]), "zstd")) == b"image"


def test_a_window_beyond_our_memory_is_refused() -> None:
    """zstd --long=31 asks for 2 GiB, which a small machine doesn't have."""
    window_of_256_mib = bytes([(28 - 10) << 3])  # RFC 8878, 3.1.1.1.2
    raw_last_block = (1 << 3 | 1).to_bytes(3, "little") + b"x"
    packed = b"\x28\xb5\x2f\xfd\0" + window_of_256_mib + raw_last_block
    with pytest.raises(ImageError, match="corrupt: zstd"):
        list(decompressed(iter([packed]), "zstd"))


@given(members, cuts)
def test_the_walker_knows_where_frames_end(parts: list[bytes], at: list[int]) -> None:
    """At the end of each frame, and nowhere else, the stream may end."""
    walker = FrameWalker()
    for count, part in enumerate(parts, start=1):
        packed = PACK["zstd"](part)
        for piece in in_pieces(packed[:-1], at):
            walker.feed(piece)
            assert not walker.between_frames
        walker.feed(packed[-1:])
        assert walker.between_frames
        assert walker.frames == count


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_blocks_regroup(pieces: list[bytes], size: int) -> None:
    """The same bytes, each block of the size but the last, and none empty."""
    regrouped = list(blocks(iter(pieces), size))
    assert b"".join(regrouped) == b"".join(pieces)
    assert all(len(block) == size for block in regrouped[:-1])
    assert all(regrouped)
