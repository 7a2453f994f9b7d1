"""bzip2: streams one after the other."""

from collections.abc import Iterator

from osie.actions.unpack.bzip2_blocks import blocks
from osie.actions.unpack.faults import Fault, Truncated
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.parts import Part
from osie.actions.unpack.rest import read_rest
from osie.actions.unpack.serial import bzip2_decoder, streamed

_MAGICS = tuple(b"BZh%d" % level for level in range(1, 10))


def parts(feed: Feed, apart: bool) -> Iterator[Part]:
    """The streams; with `apart`, their blocks."""
    streams = 0
    while seen := feed.peek(4):
        if seen not in _MAGICS:
            if any(magic.startswith(seen) for magic in _MAGICS):
                raise Truncated
            if streams:
                return read_rest(feed, _MAGICS)
            raise Fault("no bzip2 header")
        if apart:
            yield from blocks(feed)
        else:
            yield Part(streamed(feed, bzip2_decoder()), begins=feed.offset, streamed=True)
        streams += 1
    if not streams:
        raise Truncated
