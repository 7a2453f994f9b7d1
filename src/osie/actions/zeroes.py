"""Zeroes, as objects of which there is one each: who finds a piece to be zeroes hands this one on.

To compare memory costs as much as to copy it, and of an image with holes most is zeroes; to compare two
references costs nothing, however many stages ask.
"""

from collections.abc import Iterator

from osie.actions.unpack.parts import PIECE_BYTES
from osie.contracts.image_manifest import BLOCK_BYTES

PIECE = bytes(PIECE_BYTES)
BLOCK = bytes(BLOCK_BYTES)


def told(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes; a whole piece of zeroes is `PIECE` itself."""
    for piece in pieces:
        yield PIECE if piece == PIECE else piece


def known(data: object) -> bool:
    """Whether somebody has found before that these are zeroes."""
    return data is PIECE or data is BLOCK


def are(data: bytes | memoryview) -> bool:
    """Whether these are zeroes, at most a block of them."""
    return known(data.obj if isinstance(data, memoryview) else data) or BLOCK.startswith(data)
