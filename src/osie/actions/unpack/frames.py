"""Formats of frames (zstd, lz4), cut by their headers and decompressed each for itself."""

import itertools
from collections.abc import Callable, Iterator

from osie.actions.unpack.faults import Fault, TooLarge, Truncated
from osie.actions.unpack.feed import Feed
from osie.actions.unpack.frame_walker import FrameError, Walker
from osie.actions.unpack.lending import LEAST_BYTES
from osie.actions.unpack.parts import Part, freeing
from osie.actions.unpack.rest import read_rest
from osie.actions.unpack.side_by_side import PART_BYTES

_BATCH_BYTES = 1 << 20  # small frames are put together until that much comes out of them
Decode = Callable[[Iterator[bytes]], Iterator[bytes]]  # the stored bytes of whole frames: what they hold


def frames(feed: Feed, walker: Walker, decode: Decode, lent: int = LEAST_BYTES) -> Iterator[Part]:
    """Small frames together, larger ones alone, and those too large to be held as a stream.

    `lent`: bytes for a frame's window.
    """
    while feed.peek(1) and not _over(feed, walker):
        begins, stored, size, window, raw = feed.offset, list[bytes](), 0, 0, 0
        while raw < _BATCH_BYTES and size + window <= PART_BYTES and not _over(feed, walker):
            taken = _walked(feed, walker)
            if not taken:
                break
            stored.append(taken)
            size += len(taken)
            window = max(window, walker.window)
            if walker.window > lent:
                raise TooLarge(walker.window, lent)
            raw += walker.raw_most if walker.between_frames else 0
        if walker.between_frames and size + window <= PART_BYTES:
            yield Part(decode(freeing(stored)), begins=begins, cost=size + window)
        else:
            yield Part(_streamed(stored, feed, walker, decode), begins=begins, streamed=True)
    if not walker.frames:
        raise Truncated
    read_rest(feed, walker.magics)


def _over(feed: Feed, walker: Walker) -> bool:
    """Whether frames have come, and no further one follows."""
    return walker.between_frames and walker.frames > 0 and not walker.may_begin(feed.peek(4))


def _walked(feed: Feed, walker: Walker) -> bytes:
    """The next bytes, of one frame; none at the end."""
    taken = feed.take()
    try:
        end = walker.to_end(taken)
    except FrameError as error:
        raise Fault(str(error)) from None
    feed.untake(len(taken) - end)
    return taken[:end]


def _streamed(stored: list[bytes], feed: Feed, walker: Walker, decode: Decode) -> Iterator[bytes]:
    """What was held, and the rest of the frame that it ends in."""

    def rest() -> Iterator[bytes]:
        while not walker.between_frames and (taken := _walked(feed, walker)):
            yield taken

    yield from decode(itertools.chain(freeing(stored), rest()))
    if not walker.between_frames:
        raise Truncated
