"""Runs of zeroes in what is to be written, by whole grains: the device can be left to make them."""

from collections.abc import Iterator

from osie.actions import zeroes

GRAIN = 256 << 10  # bytes; zeroes are looked for in pieces of this size, at multiples of it
_ZEROES = bytes(GRAIN)


def runs(data: bytes, offset: int, begin: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Cut data[begin:end] into (begin, end, is zeroes) in order; data[0] belongs at `offset` on the disk.

    Only whole grains count as zeroes: the kernel zeroes whole sectors.
    """
    position, known = begin, zeroes.known(data)
    while position < end:
        start, is_zero = position, False
        while position < end:
            step = min(GRAIN - (offset + position) % GRAIN, end - position)
            zero = step == GRAIN and (known or data.startswith(_ZEROES, position))  # memcmp
            if position > start and zero != is_zero:
                break
            is_zero = zero
            position += step
        yield start, position, is_zero
