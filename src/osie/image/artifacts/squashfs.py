"""Reads a squashfs: which bytes of the image each file takes, compressed as they are.

Exact, since the format notes the compressed size of each block in the file's inode. A content that several
files have is stored once, and told for the first of them. Small files and the ends of larger ones share
blocks, "fragments": each takes its share of the block in proportion to its uncompressed bytes.
Source: the kernel's fs/squashfs/squashfs_fs.h, format 4.0.
"""

import lzma
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from osie.core.errors import OsieError

_MAGIC = b"hsqs"
_NOTHING = (1 << 64) - 1  # a table that isn't there
_NO_FRAGMENT = 0xFFFFFFFF
_PLAIN_BLOCK = 1 << 24  # in a block's size: it isn't compressed
_PLAIN_METADATA = 1 << 15  # in a metadata block's size: the same
_DIRECTORIES, _FILES = {1, 8}, {2, 9}


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


_UNPACK: dict[int, Callable[[bytes], bytes]] = {4: lzma.decompress, 6: _zstd}


@dataclass(frozen=True)
class _Tail:
    """The end of a file in a fragment."""

    path: str
    fragment: int
    offset: int
    length: int


class Reader:
    """One image, read as a whole."""

    def __init__(self, image: Path) -> None:
        self._data = image.read_bytes()
        if self._data[:4] != _MAGIC:
            raise OsieError(f"{image}: not a squashfs")
        self._block_size, self._fragments, self._compression = struct.unpack_from("<IIH", self._data, 12)
        self._root, _, _, _, self._inodes, self._folders, self._fragment_index, _ = struct.unpack_from(
            "<8Q", self._data, 32
        )
        self._metadata: dict[int, tuple[bytes, int]] = {}

    def sizes(self) -> dict[str, float]:
        """Bytes of the image by path (without a leading slash), of regular files."""
        taken: dict[str, float] = {}
        seen: set[int] = set()
        tails: dict[tuple[int, int], _Tail] = {}
        for path, start, blocks, tail in self._files():
            taken[path] = 0
            if blocks and start not in seen:
                seen.add(start)
                taken[path] += sum(size & ~_PLAIN_BLOCK for size in blocks)
            if tail.fragment != _NO_FRAGMENT:
                tails.setdefault((tail.fragment, tail.offset), tail)
        whole: dict[int, int] = {}
        for tail in tails.values():
            whole[tail.fragment] = whole.get(tail.fragment, 0) + tail.length
        packed = self._fragment_sizes()
        for tail in tails.values():
            taken[tail.path] += packed[tail.fragment] * tail.length / whole[tail.fragment]
        return taken

    def blocks(self, wanted: str) -> range:
        """Which bytes of the image the blocks of a file take, its tail left out."""
        for path, start, blocks, _ in self._files():
            if path == wanted:
                return range(start, start + sum(size & ~_PLAIN_BLOCK for size in blocks))
        raise OsieError(f"the squashfs has no file {wanted}")

    def _files(self) -> Iterator[tuple[str, int, list[int], _Tail]]:
        """(path, where its blocks start, their sizes, its tail), the folders sorted by name."""
        waiting = [("", self._root >> 16, self._root & 0xFFFF)]
        while waiting:
            path, block, offset = waiting.pop(0)
            inode = self._stream(self._inodes + block, offset)
            (kind,) = struct.unpack_from("<H", inode(16, peek=True))
            if kind in _DIRECTORIES:
                waiting += self._children(path, inode, kind)
            elif kind in _FILES:
                yield self._file(path, inode, kind)

    def _file(self, path: str, inode: "Stream", kind: int) -> tuple[str, int, list[int], _Tail]:
        inode(16)
        if kind == 2:
            start, fragment, offset, size = struct.unpack("<IIII", inode(16))
        else:
            start, size, _, _, fragment, offset, _ = struct.unpack("<QQQIIII", inode(40))
        count = size // self._block_size if fragment != _NO_FRAGMENT else -(-size // self._block_size)
        blocks = list(struct.unpack(f"<{count}I", inode(4 * count)))
        return path, start, blocks, _Tail(path, fragment, offset, size % self._block_size)

    def _children(self, path: str, inode: "Stream", kind: int) -> Iterator[tuple[str, int, int]]:
        inode(16)
        if kind == 1:
            block, _, size, offset, _ = struct.unpack("<IIHHI", inode(16))
        else:
            _, size, block, _, _, offset, _ = struct.unpack("<IIIIHHI", inode(24))
        entries = self._stream(self._folders + block, offset)
        left = size - 3  # the format counts "." and ".." in
        while left > 0:
            count, inode_block, _ = struct.unpack("<III", entries(12))
            left -= 12
            for _ in range(count + 1):
                inode_offset, _, _, length = struct.unpack("<HhHH", entries(8))
                name = entries(length + 1).decode()
                left -= 8 + length + 1
                yield f"{path}/{name}".lstrip("/"), inode_block, inode_offset

    def _fragment_sizes(self) -> list[int]:
        if not self._fragments or self._fragment_index == _NOTHING:
            return []
        (start,) = struct.unpack_from("<Q", self._data, self._fragment_index)
        table = self._stream(start, 0)
        entries = [struct.unpack("<QII", table(16)) for _ in range(self._fragments)]
        return [size & ~_PLAIN_BLOCK for _, size, _ in entries]

    def _stream(self, place: int, offset: int) -> "Stream":
        return Stream(self._metadata_block, place, offset)

    def _metadata_block(self, place: int) -> tuple[bytes, int]:
        """The metadata block at that place of the image, unpacked, and where the next one is."""
        if place not in self._metadata:
            (header,) = struct.unpack_from("<H", self._data, place)
            size = header & ~_PLAIN_METADATA
            content = self._data[place + 2 : place + 2 + size]
            if not header & _PLAIN_METADATA:
                content = _UNPACK[self._compression](content)
            self._metadata[place] = content, place + 2 + size
        return self._metadata[place]


class Stream:
    """Metadata from one place on, across its blocks."""

    def __init__(self, block: Callable[[int], tuple[bytes, int]], place: int, offset: int) -> None:
        self._block, self._place, self._offset = block, place, offset

    def __call__(self, size: int, *, peek: bool = False) -> bytes:
        """The next bytes; `peek` leaves them to be read again."""
        before = self._place, self._offset
        found = b""
        while len(found) < size:
            content, after = self._block(self._place)
            piece = content[self._offset : self._offset + size - len(found)]
            found += piece
            self._offset += len(piece)
            if self._offset >= len(content):
                self._place, self._offset = after, 0
        if peek:
            self._place, self._offset = before
        return found
