"""Where frames begin and end, told by the headers of frames and blocks, without decompressing.

It looks at a few bytes per block, and takes the stream in any pieces.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import ClassVar

SKIPPABLE = range(0x184D2A50, 0x184D2A60)  # magic numbers that zstd and lz4 share


class FrameError(ValueError):
    """What stands where a frame should be is none that we know."""


class Walker(ABC):
    """Is fed a stream piece by piece; `between_frames` tells whether it may end here."""

    kind: ClassVar[str]
    magic: ClassVar[int]

    def __init__(self) -> None:
        self.between_frames = True
        self.frames = 0  # whole ones so far
        self.content_size: int | None = None  # of the first frame, where its header tells
        self.raw_most = 0  # no more bytes than this come out of the frame, as far as it was seen
        self.window = 0  # bytes that its decoder has to keep
        self._held = bytearray()
        self._ending = False  # the last header of a frame was seen
        self._steps = self.walk()
        self._need, self.skip = next(self._steps), 0

    def feed(self, data: bytes) -> None:
        """Walk over the next bytes of the stream. Raises FrameError."""
        position = 0
        while position < len(data):
            position = self.to_end(data, position)

    def to_end(self, data: bytes, position: int = 0) -> int:
        """Walk on from the position, to the frame's end or the data's, and return where that is."""
        while position < len(data):
            if self.skip:
                step = min(self.skip, len(data) - position)
                self.skip -= step
                position += step
            else:
                taken = data[position : position + self._need - len(self._held)]
                self._held += taken
                position += len(taken)
                self.between_frames = False
                if len(self._held) < self._need:
                    break
                header = bytes(self._held)
                self._held.clear()
                self._need = self._steps.send(header)
            if self._ending and not self.skip:  # what follows its last header has been skipped
                self._ending, self.between_frames = False, True
                self.frames += 1
                break
        return position

    def walk(self) -> Generator[int, bytes, None]:
        """Ask for so many header bytes at a time; `skip` is set to what lies before the next header."""
        while True:
            magic = int.from_bytes((yield 4), "little")
            self.raw_most = self.window = 0
            if magic in SKIPPABLE:
                self.skip = int.from_bytes((yield 4), "little")
            elif magic == self.magic:
                yield from self.frame()
            else:
                raise FrameError(f"no {self.kind} frame")
            self._ending = True

    @property
    def magics(self) -> tuple[bytes, ...]:
        """What frames begin with."""
        return tuple(number.to_bytes(4, "little") for number in (self.magic, *SKIPPABLE))

    def may_begin(self, seen: bytes) -> bool:
        """Whether a frame begins with these bytes, at most four; with none of them, too."""
        return any(magic.startswith(seen) for magic in self.magics)

    @abstractmethod
    def frame(self) -> Generator[int, bytes, None]:
        """From behind the magic number to behind the last header; `skip` is then what follows it."""
