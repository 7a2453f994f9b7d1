"""gzip (RFC 1952): members one after the other, by isal.

isal reads headers wrongly that come in several pieces, and allows reserved flags; so the header is read here.
CRC and length at a member's end are isal's to compare. Blocked gzip (bgzip) tells each member's length in its
header (the SAM format's section 4.1); such members need nobody to look for their ends.
"""

import zlib
from collections.abc import Iterator

from isal import igzip_lib

from osie.actions.unpack.faults import Fault, Truncated
from osie.actions.unpack.feed import CHUNK_BYTES, Feed
from osie.actions.unpack.parts import PIECE_BYTES, Part
from osie.actions.unpack.rest import read_rest
from osie.actions.unpack.serial import ISAL_ERROR, streamed

_MAGIC = b"\x1f\x8b\x08"
_HEADER_CRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_TEXT_BYTES = 1 << 16  # the longest name or comment
_BATCH_BYTES = 1 << 20  # blocked members are this many stored bytes at a time: one is at most 64 KiB
_BLOCK_BYTES = 1 << 16  # decompressed, at most
_BLOCK_HEADER = 18
_DECODER_BYTES = 1 << 18
_NO_HEADER = igzip_lib.DECOMP_GZIP_NO_HDR_VER  # the member's end is read and compared


def parts(feed: Feed, apart: bool) -> Iterator[Part]:
    """The members; where they tell their length, and with `apart`, several together as bytes."""
    most, members = CHUNK_BYTES, 0
    while seen := feed.peek(len(_MAGIC)):
        begins = feed.offset
        if seen != _MAGIC:
            if _MAGIC.startswith(seen):
                raise Truncated
            if members:
                return read_rest(feed, (_MAGIC,))
            raise Fault("no gzip header")
        if apart and (batch := _blocked(feed)):
            cost = _DECODER_BYTES + sum(len(member) for member in batch)
            yield Part(_all(batch), begins=begins, cost=cost)
        else:
            yield Part(_member(feed, most), begins=begins, streamed=True)
            # small members follow small ones: don't take much that has to be put back
            most = min(max(2 * (feed.offset - begins), 1 << 14), CHUNK_BYTES)
        members += 1
    if not members:
        raise Truncated


def _member(feed: Feed, most: int) -> Iterator[bytes]:
    _read_header(feed)
    yield from streamed(feed, igzip_lib.IgzipDecompressor(_NO_HEADER), most)


def _read_header(feed: Feed) -> None:
    """Read on to the end of the member's header. Raises Fault, Truncated."""
    head = feed.need(10)
    flags = head[3]
    if flags & _RESERVED:
        raise Fault("unknown header flags")
    if flags & _EXTRA:
        length = feed.need(2)
        head += length + feed.need(int.from_bytes(length, "little"))
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            head += _text(feed)
    if flags & _HEADER_CRC and int.from_bytes(feed.need(2), "little") != zlib.crc32(head) & 0xFFFF:
        raise Fault("the header's checksum is wrong")


def _text(feed: Feed) -> bytes:
    """A text and the zero that ends it."""
    seen = feed.exactly(_TEXT_BYTES)
    end = seen.find(b"\0") + 1
    if not end:
        raise Truncated if len(seen) < _TEXT_BYTES else Fault("a name in the header doesn't end")
    feed.back(seen[end:])
    return seen[:end]


def _blocked(feed: Feed) -> list[bytes]:
    """The members at the feed's place that tell their length; none where the next one doesn't."""
    batch: list[bytes] = []
    have = 0
    while have < _BATCH_BYTES:
        head = feed.peek(_BLOCK_HEADER)
        if head[:4] != _MAGIC + b"\x04" or head[10:16] != b"\6\0BC\2\0" or len(head) < _BLOCK_HEADER:
            break
        size = int.from_bytes(head[16:], "little") + 1
        member = feed.exactly(size)
        if size < _BLOCK_HEADER + 8 or len(member) < size or _raw_size(member) > _BLOCK_BYTES:
            feed.back(member)
            break
        batch.append(member)
        have += size
    return batch


def _raw_size(member: bytes) -> int:
    """As its last bytes tell."""
    return int.from_bytes(member[-4:], "little")


def _all(batch: list[bytes]) -> Iterator[bytes]:
    """What whole members hold."""
    held: list[bytes] = []
    have = 0
    for member in batch:
        size = _raw_size(member)
        if have + size > PIECE_BYTES:
            yield b"".join(held)
            held, have = [], 0
        try:
            raw = igzip_lib.decompress(member[_BLOCK_HEADER:], _NO_HEADER, bufsize=size or 1)
        except (EOFError, ValueError, ISAL_ERROR) as error:
            raise Fault(str(error)) from None
        if len(raw) != size:  # isal stops, content, where the member ends: it has to end here
            raise Fault("a block doesn't end where it says")
        held.append(raw)
        have += size
    if have:
        yield b"".join(held)
