"""Streams come in any pieces; what comes out is the image, or an error, never a part of it."""

import lzma
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.actions.unpack.packing import PACKINGS, Packing, in_pieces

from osie.actions.unpack.decompress import ImageError, blocks, decompressed, kind_of, size_told

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
    """Bytes that are no further member aren't ignored, but for zeroes."""
    garbage += b"x" * (not garbage.strip(b"\0"))
    with pytest.raises(ImageError, match=r"truncated|corrupt"):
        list(decompressed(in_pieces(packing.pack(b"image") + garbage, at), packing.kind, threads=threads))


@settings(max_examples=100, deadline=None)
@given(packings, members, st.binary(max_size=50), st.integers(0, 600), cuts, threads_wanted)
def test_what_follows_the_end_is_counted_where_it_is_borne(
    packing: Packing, parts: list[bytes], garbage: bytes, zeroes: int, at: list[int], threads: int
) -> None:
    """As gzip(1) does: zeroes are padding, and of anything else somebody is told. No byte before is lost."""
    behind = bytes(zeroes) + (b"!" + garbage if garbage else b"")  # begins as no member does
    packed = b"".join(packing.pack(part) for part in parts) + behind
    told: list[int] = []
    found = decompressed(in_pieces(packed, at), packing.kind, threads=threads, bear=told.append)
    assert b"".join(found) == b"".join(parts)
    # xz' format has zeroes between streams in fours: those count as padding, whatever comes behind
    most = len(behind)
    assert all(len(garbage) < count <= most for count in told)
    assert len(told) == bool(garbage)


@each_packing
def test_a_member_behind_zeroes_is_never_left_out(packing: Packing) -> None:
    """gzip(1) would: an image in two parts on a tape would lose its second half. Only xz' format has such."""
    packed = packing.pack(b"one") + bytes(512) + packing.pack(b"two")
    found = decompressed(iter([packed]), packing.kind, bear=lambda _count: None)
    if packing.kind == "xz":
        assert b"".join(found) == b"onetwo"
    else:
        with pytest.raises(ImageError, match="goes on behind 512 zeroes"):
            list(found)


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


def test_nothing_is_no_image() -> None:
    """A server's empty file."""
    with pytest.raises(ImageError, match="the image is empty"):
        kind_of(b"")


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


def zstd_with_window(log: int) -> bytes:
    """A frame of one byte that asks for a window of 2 ** log bytes (RFC 8878, 3.1.1.1.2)."""
    raw_last_block = (1 << 3 | 1).to_bytes(3, "little") + b"x"
    return b"\x28\xb5\x2f\xfd\0" + bytes([(log - 10) << 3]) + raw_last_block


def test_a_large_window_is_lent_where_there_is_memory() -> None:
    """zstd --long=28 asks for 256 MiB; only --ultra and --long ask for more than 8."""
    assert b"".join(decompressed(iter([zstd_with_window(28)]), "zstd")) == b"x"


def test_a_window_beyond_our_memory_is_refused() -> None:
    """What it needs, what there is, and what to do: nothing is wrong with the file."""
    told = r"zstd data needs a window of 8192 MiB, and \d+ MiB of memory can be lent"
    with pytest.raises(ImageError, match=told) as caught:
        list(decompressed(iter([zstd_with_window(33)]), "zstd"))
    assert "without --long" in caught.value.hint


@pytest.mark.parametrize("threads", [1, 2])
def test_a_dictionary_beyond_our_memory_is_refused(threads: int) -> None:
    """4 GiB is the largest that xz' format has (5.3.1); liblzma alone would only say that it's too much."""
    packed = bytearray(lzma.compress(b"image", preset=0))
    place = packed.index(b"\x21\x01", 12) + 2
    packed[place] = 40
    header = 12 + (packed[12] + 1) * 4
    packed[header - 4 : header] = zlib.crc32(packed[12 : header - 4]).to_bytes(4, "little")
    with pytest.raises(ImageError, match=r"xz data needs a dictionary of 4096 MiB, and \d+ MiB"):
        list(decompressed(iter([bytes(packed)]), "xz", threads=threads))


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_blocks_regroup(pieces: list[bytes], size: int) -> None:
    """The same bytes, each block of the size but the last, and none empty."""
    regrouped = list(blocks(iter(pieces), size))
    assert b"".join(regrouped) == b"".join(pieces)
    assert all(len(block) == size for block in regrouped[:-1])
    assert all(regrouped)
