"""An image as parts that follow one another: members, streams, frames or blocks."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from osie.actions.unpack.faults import Fault, Trailing

PIECE_BYTES = 1 << 20


class Part(NamedTuple):
    """A part that can be decompressed without those before it."""

    pieces: Iterator[bytes]  # decompresses while it's read; at most PIECE_BYTES each; raises Fault
    begins: int | None = None  # where in the stored image, if a run may begin there
    cost: int = 0  # bytes of memory until it's done: its stored bytes and the decoder's own, not the pieces
    streamed: bool = False  # reads on in the stored image: to be done before the next part is asked for


def freeing(stored: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, held from now on, each until it's taken."""
    held = deque(stored)

    def taken() -> Iterator[bytes]:
        while held:
            yield held.popleft()

    return taken()


def joined(
    parts: Iterator[Part],
    kind: str,
    at: Callable[[int, int], None],
    bear: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """The pieces of all parts; `at` is told stored and raw offset where one begins. Raises ImageError.

    `bear`: told how many bytes follow the last part, where that is no error.
    """
    done = 0
    try:
        for part in parts:
            if part.begins is not None:
                at(part.begins, done)
            for piece in part.pieces:
                done += len(piece)
                yield piece
    except Trailing as trailing:
        if bear is None:
            raise trailing.told(kind, done) from None
        bear(trailing.count)
    except Fault as fault:
        raise fault.told(kind, done) from None
