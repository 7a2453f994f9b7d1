"""bzip2's blocks, which begin at any bit, cut out of a stream and decompressed each as a stream of its own.

There is no specification but the program (1.0.8): "BZh" and the level; blocks, each a magic number of 48
bits, its CRC of 32, a bit that is 0, 24 bits that are less than the block's size, and data; at the end
another magic number and the CRC of the blocks' CRCs, and up to 7 bits. A block ends where the next number
stands. Data can hold such a number by chance, with all that has to follow, once in about 10^15 bytes: then a
proper image is refused. So are blocks of bzip2 0.9.0 (1998) that have the other bit.
"""

from collections.abc import Iterator

from osie.actions.unpack.faults import Fault, Truncated
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.parts import Part
from osie.actions.unpack.serial import bzip2_decoder, decoded

_BLOCK, _END = 0x314159265359, 0x177245385090
_MOST_STORED = 2 << 20  # more than any block takes
_DECODER_BYTES = 4 << 20
_AHEAD = 105  # bits of a block's beginning: 48 + 32 + 1 + 24


def _patterns(number: int) -> Iterator[tuple[int, bytes]]:
    """For each bit of a byte that the number may begin at: the bit, and the whole bytes of the number."""
    for bit in range(8):
        spread = (number << (8 - bit) % 8).to_bytes(7 if bit else 6, "big")
        yield bit, spread[1:6] if bit else spread


_PATTERNS = {number: tuple(_patterns(number)) for number in (_BLOCK, _END)}


def blocks(feed: Feed) -> Iterator[Part]:
    """The blocks of the stream at the feed's place; the feed then stands behind it. Raises Fault."""
    begins: int | None = feed.offset
    stream = _Stream(feed)
    while block := stream.next():
        yield Part(_block(*block), begins=begins, cost=len(block[0]) + _DECODER_BYTES)
        begins = None
    if begins is not None:
        yield Part(iter(()), begins=begins)


def _bits(data: bytes, start: int, count: int) -> int:
    """So many bits from that bit on."""
    last = start + count
    value = int.from_bytes(data[start // 8 : -(-last // 8)], "big")
    return value >> -last % 8 & (1 << count) - 1


class _Stream:
    """A stream that is cut."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._header = feed.exactly(4)
        self._most = (self._header[3] - ord("0")) * 100_000
        self._held = b""
        self._start = 0  # bit in what's held at which the next block begins
        self._crc = 0  # of the blocks so far

    def next(self) -> tuple[bytes, int, int, bytes] | None:
        """The next block: the bytes with it, its first bit, the one behind, the header; None at the end."""
        self._more(_AHEAD // 8 + 2)
        number = _bits(self._held, self._start, 48)
        if len(self._held) * 8 < self._start + 80:
            raise Truncated
        if self._stands(_END, self._start):
            self._feed.back(self._held[-(-(self._start + 80) // 8) :])
            return None
        if number != _BLOCK:
            raise Fault("neither a block nor the stream's end where one should begin")
        crc = _bits(self._held, self._start + 48, 32)
        self._crc = (self._crc << 1 & 0xFFFFFFFF | self._crc >> 31) ^ crc
        end = self._next_number()
        block = (self._held[: -(-end // 8)], self._start, end, self._header)
        self._held, self._start = self._held[end // 8 :], end % 8
        return block

    def _more(self, size: int) -> bool:
        """Hold at least so many bytes, fewer at the stored image's end; False where none came."""
        had = len(self._held)
        if had < size:
            self._held += self._feed.exactly(size - had)
        return len(self._held) > had

    def _next_number(self) -> int:
        """The bit at which the next block or the stream's end begins."""
        first = place = self._start // 8 + 10
        while (found := self._found(_BLOCK, place, len(self._held))) is None:
            place = max(place, len(self._held) - _AHEAD // 8 - 2)
            full = len(self._held) > _MOST_STORED
            if full or not self._more(len(self._held) + (1 << 18)):
                end = self._found(_END, first, len(self._held))
                if end is None:
                    raise Fault("a block doesn't end") if full else Truncated
                return end
        behind = found // 8
        # a block of the stream that follows, it seems
        if found % 8 == 0 and self._held[behind - 4 : behind - 1] == b"BZh":
            end = self._found(_END, max(first, behind - 16), behind)
            if end is None:  # perhaps streams without a block lie between
                end = self._found(_END, first, behind)
            return found if end is None else end
        return found

    def _found(self, number: int, place: int, limit: int) -> int | None:
        """The first bit between these bytes at which the number stands with what has to follow it."""
        first: int | None = None
        for bit, pattern in _PATTERNS[number]:
            at = self._held.find(pattern, place, limit)
            while at >= 0:
                start = at * 8 - (8 - bit) % 8
                if self._stands(number, start):
                    first = start if first is None else min(first, start)
                    limit = at + len(pattern)
                    break
                at = self._held.find(pattern, at + 1, limit)
        return first

    def _stands(self, number: int, start: int) -> bool:
        """Whether the number stands at that bit, and what has to follow it."""
        if start + (_AHEAD if number == _BLOCK else 80) > len(self._held) * 8:
            return False
        if _bits(self._held, start, 48) != number:
            return False
        if number == _END:
            return _bits(self._held, start + 48, 32) == self._crc
        return _bits(self._held, start + 80, 25) < self._most  # the bit that is 0 in front


def _block(data: bytes, start: int, end: int, header: bytes) -> Iterator[bytes]:
    """What the block holds, decompressed as the only one of a stream."""
    crc = _bits(data, start + 48, 32)
    size = end - start
    stream = int.from_bytes(header, "big") << size | _bits(data, start, size)
    stream = stream << 80 | _END << 32 | crc
    stream, size = stream << -(size + 80) % 8, 32 + size + 80
    decoder = bzip2_decoder()
    yield from decoded(decoder, iter([stream.to_bytes(-(-size // 8), "big")]))
    if not decoder.eof or decoder.unused_data:
        raise Fault("a block doesn't end where the next begins")
