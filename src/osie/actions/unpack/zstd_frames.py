"""Where zstd frames begin and end, by their headers alone (RFC 8878, section 3.1).

The decompressor of python3-zstandard that has a bounded output (`stream_reader`) takes a stream that stops in
the middle of a frame for one that has ended. This walks along the same bytes and knows better. It looks at a
few bytes per block of up to 128 KiB.
"""

from collections.abc import Generator

from osie.actions.unpack.frame_walker import FrameError, Walker

_RLE_BLOCK, _COMPRESSED_BLOCK, _RESERVED_BLOCK = 1, 2, 3
_MOST_OF_A_BLOCK = 1 << 17  # decompressed (3.1.1.2.4)


def _field_sizes(descriptor: int) -> tuple[int, int, int]:
    """The sizes of a frame header's window, dictionary and content size fields (3.1.1.1.1)."""
    single = bool(descriptor & 0x20)
    content = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    return 0 if single else 1, (0, 1, 2, 4)[descriptor & 3], content


class FrameWalker(Walker):
    """Walks over zstd frames."""

    kind = "zstd"
    magic = 0xFD2FB528

    def frame(self) -> Generator[int, bytes, None]:
        """One frame's headers (3.1.1)."""
        descriptor = (yield 1)[0]
        window, dictionary, content = _field_sizes(descriptor)
        if window + dictionary + content:
            self._sizes((yield window + dictionary + content), window, window + dictionary)
        last = False
        while not last:
            header = int.from_bytes((yield 3), "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            if kind == _RESERVED_BLOCK:
                raise FrameError("a block of an unknown kind")
            self.skip = 1 if kind == _RLE_BLOCK else size
            self.raw_most += _MOST_OF_A_BLOCK if kind == _COMPRESSED_BLOCK else size
        if descriptor & 4:
            self.skip += 4  # the content's checksum, which the decompressor checks

    def _sizes(self, fields: bytes, window: int, content: int) -> None:
        """Window and content size (3.1.1.1.2 and 4), where they are told."""
        told: int | None = None
        if len(fields) > content:
            told = int.from_bytes(fields[content:], "little") + (256 if len(fields) - content == 2 else 0)
        if window:
            base = 1 << (10 + (fields[0] >> 3))
            self.window = base + base // 8 * (fields[0] & 7)
        else:
            self.window = told or 0
        if self.frames == 0:
            self.content_size = told
