"""xz (its file format, 1.1.0): streams one after the other, zeroes in fours between and after them.

Blocks that tell their sizes (`xz -T` writes such) are cut out and each decompressed as a stream of its own,
so that liblzma checks all that it would check. What the whole stream ends with (index and footer) follows
from its blocks and is compared. With `--check=none` a flipped bit can go unnoticed.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from osie.actions.unpack.faults import Fault, TooLarge, Truncated
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.lending import lent_bytes
from osie.actions.unpack.parts import Part, freeing
from osie.actions.unpack.rest import read_rest, skip_zeroes
from osie.actions.unpack.serial import decoded, streamed, xz_decoder
from osie.actions.unpack.side_by_side import PART_BYTES

_MAGIC = b"\xfd7zXZ\x00"
_STREAM_HEADER = 12
_COMPRESSED_TOLD, _RAW_TOLD = 0x40, 0x80  # a block header's flags (3.1.2)
_LZMA2 = 0x21
_CHECK_BYTES = (0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64)  # by the check's number (2.1.1.2)
_MOST_HEADER = 1024  # bytes of a block header (3.1.1)
_DECODER_BYTES = 1 << 17  # besides the dictionary


def parts(feed: Feed, apart: bool) -> Iterator[Part]:
    """The streams; with `apart`, the blocks of those streams whose blocks tell their sizes."""
    streams, lent = 0, lent_bytes()
    while seen := feed.peek(len(_MAGIC)):
        if seen != _MAGIC:
            if _MAGIC.startswith(seen):
                raise Truncated
            if streams:
                return read_rest(feed, (_MAGIC,))
            raise Fault("no xz header")
        if apart and _in_blocks(feed):
            yield from _blocks(feed, lent)
        else:
            _check_dictionary(feed, lent)
            yield Part(streamed(feed, xz_decoder(lent)), begins=feed.offset, streamed=True)
        streams += 1
        if skip_zeroes(feed) % 4 and feed.peek(1):  # 2.2: padding is in fours; at the end it harms nobody
            return read_rest(feed, (_MAGIC,))
    if not streams:
        raise Truncated


def _in_blocks(feed: Feed) -> bool:
    """Whether the stream's first block tells its sizes."""
    told = _COMPRESSED_TOLD | _RAW_TOLD
    seen = feed.peek(_STREAM_HEADER + 2)
    whole = len(seen) == _STREAM_HEADER + 2 and seen[8:12] == _crc(seen[6:8])
    return whole and seen[_STREAM_HEADER] > 0 and seen[_STREAM_HEADER + 1] & told == told


def _blocks(feed: Feed, lent: int) -> Iterator[Part]:
    """The stream's blocks. Raises Fault where it ends in another way than its blocks tell."""
    begins: int | None = feed.offset
    header = feed.need(_STREAM_HEADER)
    check = _CHECK_BYTES[header[7] & 15]
    records, count = bytearray(), 0
    while block := _next_block(feed, check):
        if block.memory > lent + _DECODER_BYTES:
            raise TooLarge(block.memory - _DECODER_BYTES, lent)
        records += block.record
        count += 1
        stored = feed.runs(block.stored)
        small = block.stored + block.memory <= PART_BYTES
        held = freeing(stored) if small else stored
        yield Part(
            _block(header, held, block, lent),
            begins=begins,
            cost=block.stored + block.memory if small else 0,
            streamed=not small,
        )
        begins = None
    end = _end(header, count, bytes(records))
    seen = feed.exactly(len(end))
    if seen != end:
        raise Truncated if end.startswith(seen) else Fault("the index doesn't fit the blocks")


class _Block(NamedTuple):
    """What a block's header tells; sizes in bytes."""

    stored: int  # with header, check and padding
    record: bytes  # its place in the index
    memory: int  # that its decoder needs


def _next_block(feed: Feed, check: int) -> _Block | None:
    """The block at the feed's place; None for the index (3.1). Raises Fault, Truncated."""
    first = feed.peek(1)
    if first == b"\0":
        return None
    size = (first[0] + 1) * 4 if first else 1
    header = feed.peek(size)
    if len(header) < size:
        raise Truncated
    if header[-4:] != _crc(header[:-4]):
        raise Fault("a block header's checksum is wrong")
    try:
        compressed, raw, dictionary = _fields(header[:-4])
    except IndexError:
        raise Fault("a block header's fields don't end") from None
    unpadded = size + compressed + check
    return _Block(unpadded + -unpadded % 4, _number(unpadded) + _number(raw), dictionary + _DECODER_BYTES)


def _fields(header: bytes) -> tuple[int, int, int]:
    """Compressed and raw size, and that of the dictionary."""
    flags, place = header[1], 2
    if not (flags & _COMPRESSED_TOLD and flags & _RAW_TOLD):
        raise Fault("blocks that tell their sizes are mixed with others that don't")
    compressed, place = _read_number(header, place)
    raw, place = _read_number(header, place)
    return compressed, raw, _dictionary(header, place)


def _check_dictionary(feed: Feed, lent: int) -> None:
    """Raise TooLarge where the first block of the stream at the feed's place wants more than is lent."""
    seen = feed.peek(_STREAM_HEADER + _MOST_HEADER)[_STREAM_HEADER:]
    try:
        place = 2
        for told in (_COMPRESSED_TOLD, _RAW_TOLD):
            if seen[1] & told:
                _, place = _read_number(seen, place)
        dictionary = _dictionary(seen, place)
    except (IndexError, Fault):
        return  # no block, or a wrong one: liblzma says what is wrong
    if dictionary > lent:
        raise TooLarge(dictionary, lent)


def _dictionary(header: bytes, place: int) -> int:
    """The dictionary's size in bytes, by the filters that stand there. Raises IndexError, Fault."""
    dictionary = 0
    for _ in range((header[1] & 3) + 1):
        filter_id, place = _read_number(header, place)
        length, place = _read_number(header, place)
        if filter_id == _LZMA2 and length:
            bits = header[place] & 63
            dictionary = (2 | bits & 1) << (bits // 2 + 11)  # 5.3.1
        place += length
    return dictionary


def _block(header: bytes, stored: Iterator[bytes], block: _Block, lent: int) -> Iterator[bytes]:
    """What the block holds, decompressed as the only one of a stream."""

    def stream() -> Iterator[bytes]:
        yield header
        missing = block.stored
        for piece in stored:
            missing -= len(piece)
            yield piece
        if missing:
            raise Truncated
        yield _end(header, 1, block.record)

    decoder = xz_decoder(lent)
    yield from decoded(decoder, stream())
    if not decoder.eof or decoder.unused_data:
        raise Fault("a block doesn't end where its header says")


def _end(header: bytes, count: int, records: bytes) -> bytes:
    """A stream's index and footer (4 and 2.1.2)."""
    index = b"\0" + _number(count) + records
    index += bytes(-len(index) % 4)
    index += _crc(index)
    footer = (len(index) // 4 - 1).to_bytes(4, "little") + header[6:8]
    return index + _crc(footer) + footer + b"YZ"


def _number(value: int) -> bytes:
    """As xz writes it: seven bits a byte, the lowest first (1.2)."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_number(data: bytes, place: int) -> tuple[int, int]:
    """The number, and the place behind it. Raises IndexError, Fault."""
    value = 0
    for count in range(9):
        byte = data[place + count]
        value |= (byte & 127) << 7 * count
        if byte < 128:
            return value, place + count + 1
    raise Fault("a block header's number is too large")


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
