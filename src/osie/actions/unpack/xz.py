"""xz (its file format, 1.1.0): streams one after the other, zeroes in fours between and after them."""

from collections.abc import Iterator

from osie.actions.unpack.faults import Fault, Trailing, Truncated
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.parts import Part
from osie.actions.unpack.serial import streamed, xz_decoder

_MAGIC = b"\xfd7zXZ\x00"


def parts(feed: Feed) -> Iterator[Part]:
    """The streams."""
    streams = 0
    while seen := feed.peek(len(_MAGIC)):
        if seen != _MAGIC:
            raise Truncated if _MAGIC.startswith(seen) else Trailing if streams else Fault("no xz header")
        yield Part(streamed(feed, xz_decoder()), begins=feed.offset, streamed=True)
        streams += 1
        _skip_padding(feed)
    if not streams:
        raise Truncated


def _skip_padding(feed: Feed) -> None:
    """Read over zeroes (2.2)."""
    zeroes = 0
    while taken := feed.take():
        other = taken.lstrip(b"\0")
        zeroes += len(taken) - len(other)
        if other:
            feed.untake(len(other))
            break
    if zeroes % 4:
        raise Trailing
