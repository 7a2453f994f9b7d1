"""Where zstd frames begin and end, by their headers alone (RFC 8878, section 3.1).

The decompressor of python3-zstandard that has a bounded output (`stream_reader`) takes a stream that stops in
the middle of a frame for one that has ended. This walks along the same bytes and knows better. It looks at a
few bytes per block of up to 128 KiB.
"""

from collections.abc import Generator

MAGIC = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_RESERVED_BLOCK, _RLE_BLOCK = 3, 1


class FrameError(ValueError):
    """What stands where a frame should be is none."""


def _field_sizes(descriptor: int) -> tuple[int, int, int]:
    """The sizes of a frame header's window, dictionary and content size fields (3.1.1.1.1)."""
    single = bool(descriptor & 0x20)
    content = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    return 0 if single else 1, (0, 1, 2, 4)[descriptor & 3], content


class FrameWalker:
    """Is fed a stream piece by piece; `between_frames` tells whether it may end here."""

    def __init__(self) -> None:
        self.between_frames = True
        self.frames = 0  # whole ones so far
        self.content_size: int | None = None  # of the first frame, where its header tells
        self._held = bytearray()
        self._ending = False  # the last header of a frame was seen
        self._steps = self._walk()
        self._need, self._skip = next(self._steps), 0

    def feed(self, data: bytes) -> None:
        """Walk over the next bytes of the stream. Raises FrameError."""
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                if self._skip == 0:
                    self._settle()
                continue
            taken = data[position : position + self._need - len(self._held)]
            self._held += taken
            position += len(taken)
            self.between_frames = False
            if len(self._held) == self._need:
                header = bytes(self._held)
                self._held.clear()
                self._need = self._steps.send(header)
                self._settle()

    def _settle(self) -> None:
        """A frame ends when what follows its last header has been skipped."""
        if self._ending and not self._skip:
            self._ending, self.between_frames = False, True
            self.frames += 1

    def _walk(self) -> Generator[int, bytes, None]:
        """Ask for so many header bytes at a time; `_skip` is set to what lies before the next header."""
        while True:
            magic = int.from_bytes((yield 4), "little")
            if magic in _SKIPPABLE:
                self._skip = int.from_bytes((yield 4), "little")
            elif magic == MAGIC:
                yield from self._frame()
            else:
                raise FrameError("no zstd frame")
            self._ending = True

    def _frame(self) -> Generator[int, bytes, None]:
        descriptor = (yield 1)[0]
        window, dictionary, content = _field_sizes(descriptor)
        if window + dictionary + content:
            fields = yield window + dictionary + content
            if self.frames == 0 and content:
                told = int.from_bytes(fields[window + dictionary :], "little")
                self.content_size = told + 256 if content == 2 else told
        last = False
        while not last:
            header = int.from_bytes((yield 3), "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            if kind == _RESERVED_BLOCK:
                raise FrameError("a block of an unknown kind")
            self._skip = 1 if kind == _RLE_BLOCK else size
        if descriptor & 4:
            self._skip += 4  # the content's checksum, which the decompressor checks
