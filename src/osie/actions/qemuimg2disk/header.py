"""An image's header: its bytes by their place, and what is said of an image that can't be taken."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from osie.actions.unpack.decompress import ImageError

At = Callable[[int, int], bytes]  # so many bytes from an offset on; fewer at the image's end
_TABLE_PIECE_BYTES = 64 << 10


def fields(at: At, layout: str, offset: int) -> tuple[Any, ...]:
    """What struct's `layout` finds at the offset. Raises ImageError where the image ends before."""
    data = at(offset, struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise ImageError("the image is truncated: its header stops in the middle")
    return struct.unpack(layout, data)


def table(at: At, entry: str, offset: int, count: int) -> Iterator[tuple[int, ...]]:
    """Yield a table's `count` integers, each of struct's layout `entry`, in pieces.

    Raises ImageError where the image ends before.
    """
    size = struct.calcsize(entry)
    most = _TABLE_PIECE_BYTES // size
    for first in range(0, count, most):
        number = min(most, count - first)
        data = at(offset + first * size, number * size)
        if len(data) < number * size:
            raise ImageError("the image is truncated: a table that its header names isn't all there")
        yield struct.unpack(f"{entry[0]}{number}{entry[1]}", data)


def not_alone(what: str) -> ImageError:
    """The error for an image that is whole only together with other files."""
    return ImageError(
        f"the image has {what}, and can't be read on its own", hint="make it whole by `qemu-img convert`"
    )
