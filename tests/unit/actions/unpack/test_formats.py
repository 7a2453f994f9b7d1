"""What is particular to one format."""

import bz2
import gzip
import random
import subprocess
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.actions.unpack.packing import PACKINGS, Packing, blocked_gzip, in_pieces

from osie.actions.unpack.decompress import ImageError, decompressed
from osie.actions.unpack.frame_walker import Walker
from osie.actions.unpack.lz4 import Lz4Walker
from osie.actions.unpack.zstd_frames import FrameWalker

cuts = st.lists(st.integers(0, 1 << 20), max_size=6)
FRAMED = [packing for packing in PACKINGS if packing.kind in {"zstd", "lz4"}]
NOISE = random.Random(4).randbytes(700_000)


def unpacked(packed: bytes, kind: str, threads: int = 2) -> bytes:
    """What comes out."""
    return b"".join(decompressed(iter([packed]), kind, threads=threads))


def gzip_header(flags: int) -> bytes:
    """A header with all fields that the flags ask for (RFC 1952, 2.3)."""
    header = bytes((0x1F, 0x8B, 8, flags)) + b"\0\0\0\0\0\3"
    header += b"\4\0abcd" if flags & 4 else b""
    header += b"name\0" if flags & 8 else b""
    header += b"comment\0" if flags & 16 else b""
    return header + (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") if flags & 2 else header


@settings(deadline=None)
@given(st.integers(0, 31), cuts)
def test_gzip_headers_of_all_kinds_are_read(flags: int, at: list[int]) -> None:
    """In any pieces: isal alone fails on those that come in several."""
    packed = gzip_header(flags) + gzip.compress(b"image")[10:]
    assert b"".join(decompressed(in_pieces(packed, at), "gzip")) == b"image"


@pytest.mark.parametrize(
    "header",
    [gzip_header(0x20), gzip_header(2)[:-1] + b"\xff", gzip_header(8)[:-1] + bytes([1]) * 70_000],
    ids=["reserved flag", "checksum", "endless name"],
)
def test_wrong_gzip_headers_are_refused(header: bytes) -> None:
    """As zlib refuses them."""
    with pytest.raises(ImageError, match="corrupt: gzip"):
        unpacked(header + gzip.compress(b"image")[10:], "gzip")


@pytest.mark.parametrize("wrong", [-1, 1, 9])
def test_a_gzip_block_of_another_length_than_told_gives_no_other_image(wrong: int) -> None:
    """The length in the header is only where to look for the next one: an error, or the very same bytes."""
    packed = bytearray(blocked_gzip(NOISE[:50_000]) * 2)
    told = int.from_bytes(packed[16:18], "little") + wrong
    packed[16:18] = told.to_bytes(2, "little")
    try:
        found = unpacked(bytes(packed), "gzip")
    except ImageError:
        return
    assert found == NOISE[:50_000] * 2


def test_a_large_member_that_calls_itself_a_block_is_read_all_the_same() -> None:
    """gzip reads it: the extra field is nobody's law."""
    raw = bytes(1 << 20)
    body = gzip.compress(raw)[10:]
    header = b"\x1f\x8b\x08\4\0\0\0\0\0\xff\6\0BC\2\0" + (len(body) + 17).to_bytes(2, "little")
    assert unpacked(header + body, "gzip") == raw


def xz(raw: bytes, *options: str) -> bytes:
    """By the program."""
    return subprocess.run(["xz", "-c", "-0", *options], input=raw, stdout=subprocess.PIPE, check=True).stdout


def test_an_xz_index_of_another_stream_is_no_image() -> None:
    """Blocks are decompressed one by one, and still what the stream tells of them has to be right."""
    one = xz(NOISE[:200_000], "-T2", "--block-size=65536")
    other = xz(NOISE[:200_001], "-T2", "--block-size=65536")
    size = (int.from_bytes(one[-8:-4], "little") + 1) * 4 + 12
    with pytest.raises(ImageError, match="index"):
        unpacked(one[:-size] + other[-size:], "xz")


def test_an_xz_block_left_out_is_missed() -> None:
    """A stream without one of its blocks is not the image."""
    single = xz(NOISE[:65536], "-T2", "--block-size=65536")
    double = xz(NOISE[:65536] * 2, "-T2", "--block-size=65536")
    block = len(single) - 12 - (int.from_bytes(single[-8:-4], "little") + 1) * 4 - 12
    assert unpacked(double, "xz") == NOISE[:65536] * 2
    with pytest.raises(ImageError, match="index"):
        unpacked(double[:12] + double[12 + block :], "xz")


@pytest.mark.parametrize(
    "options", [("-T2", "--x86", "--lzma2=preset=0"), ("-T1",), ("-T2", "--check=sha256")]
)
def test_xz_streams_of_other_kinds_follow_blocks(options: tuple[str, ...]) -> None:
    """Filters, other checks, and streams whose blocks don't tell their sizes."""
    packed = xz(NOISE, "-T2", "--block-size=131072") + xz(NOISE, *options)
    assert unpacked(packed, "xz") == NOISE * 2


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2000), cuts)
def test_bzip2_blocks_begin_at_any_bit(level: int, size: int, at: list[int]) -> None:
    """Blocks are found and put together again, whatever the input's pieces."""
    raw = NOISE[: size * 100] + bytes(size)
    packed = bz2.compress(raw, level) + bz2.compress(b"") + bz2.compress(NOISE[:size], 1)
    assert b"".join(decompressed(in_pieces(packed, at), "bzip2", threads=2)) == raw + NOISE[:size]


def test_a_bzip2_block_left_out_is_missed() -> None:
    """Each block is right by itself; the stream's own checksum tells."""
    one, two = bz2.compress(NOISE[:90_000], 1), bz2.compress(NOISE[1:90_001], 1)
    swapped = one[:-4] + two[-4:]
    with pytest.raises(ImageError, match=r"corrupt|truncated"):
        unpacked(swapped, "bzip2")


def test_lz4_content_of_another_size_than_told_is_no_image() -> None:
    """liblz4 compares what the frame's header tells."""
    packed = bytearray(lz4.frame.compress(NOISE[:5000], store_size=True))
    other = lz4.frame.compress(NOISE[:5001], store_size=True)
    packed[:15] = other[:15]
    with pytest.raises(ImageError, match="corrupt: lz4"):
        unpacked(bytes(packed), "lz4")


def test_lz4_frames_that_need_a_dictionary_are_refused() -> None:
    """Nobody has it."""
    packed = bytearray(lz4.frame.compress(b"image"))
    packed[4] |= 1
    with pytest.raises(ImageError, match="dictionary"):
        unpacked(bytes(packed), "lz4")


def test_skippable_frames_are_skipped() -> None:
    """pzstd and others put their own frames before and between; lz4's format has them as well."""
    skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"
    frame = zstandard.ZstdCompressor().compress(b"image")
    assert unpacked(skippable + frame + skippable, "zstd") == b"image"
    frame = lz4.frame.compress(b"image")
    assert unpacked(frame + skippable + frame + skippable, "lz4") == b"imageimage"


@settings(deadline=None)
@given(st.sampled_from(FRAMED), st.lists(st.binary(max_size=400), min_size=1, max_size=3), cuts)
def test_walkers_know_where_frames_end(packing: Packing, parts: list[bytes], at: list[int]) -> None:
    """At the end of each frame, and nowhere else, the stream may end."""
    walker: Walker = FrameWalker() if packing.kind == "zstd" else Lz4Walker()
    for count, part in enumerate(parts, start=1):
        packed = packing.pack(part)
        for piece in in_pieces(packed[:-1], at):
            walker.feed(piece)
            assert not walker.between_frames
        walker.feed(packed[-1:])
        assert walker.between_frames
        assert walker.frames == count
        assert walker.raw_most >= len(part)
