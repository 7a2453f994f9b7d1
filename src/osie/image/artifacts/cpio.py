"""Deterministic cpio archives in the kernel's initramfs form: same entries, same bytes.

The form is "newc" with checksums (070702): the kernel adds up each file's bytes as it unpacks them, and says
"Initramfs unpacking failed: bad data checksum" where the sum is another (decision 0008).
Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c.
"""

import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from osie.core.errors import OsieError

_ALIGNMENT = 4
_LARGEST = 0xFFFFFFFF  # sizes have eight hexadecimal digits
_PIECE = 1 << 20  # bytes read at once
_BLOCK = 512  # a whole number of blocks, as other archivers write


@dataclass(frozen=True)
class Entry:
    """One member. `content` is the bytes, a file to copy, or for a symbolic link its target as bytes."""

    path: str  # without a leading slash
    mode: int  # with the file type: stat.S_IFREG | 0o755
    content: bytes | Path = b""
    device: tuple[int, int] = (0, 0)  # major and minor of a device node

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    @property
    def checksum(self) -> int:
        """The sum of the content's bytes, of regular files only: the kernel checks no other."""
        if not stat.S_ISREG(self.mode):
            return 0
        if not isinstance(self.content, Path):
            return sum(self.content) & _LARGEST
        with self.content.open("rb") as source:
            return sum(sum(piece) for piece in iter(lambda: source.read(_PIECE), b"")) & _LARGEST


def directory(path: str, mode: int = 0o755) -> Entry:
    """A folder."""
    return Entry(path, stat.S_IFDIR | mode)


def file(path: str, content: bytes | Path, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | mode, content)


def symlink(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int, mode: int = 0o600) -> Entry:
    """A character device node."""
    return Entry(path, stat.S_IFCHR | mode, device=(major, minor))


def write(archive: IO[bytes], entries: Iterable[Entry], *, mtime: int) -> int:
    """Write the entries in the order given, all owned by root; return the archive's size in bytes.

    Parents are not made up: a folder is an entry of its own, and comes before what is in it.
    """
    offset = 0
    for number, entry in enumerate(entries, start=1):
        offset += _write_one(archive, entry, number, mtime)
    offset += _write_one(archive, Entry("TRAILER!!!", 0), 0, 0)
    return offset + _pad(archive, offset, _BLOCK)


def _write_one(archive: IO[bytes], entry: Entry, inode: int, mtime: int) -> int:
    size = entry.size
    if size > _LARGEST:
        raise OsieError(f"{entry.path}: {size} bytes are more than a cpio archive can hold in one file")
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (inode, entry.mode, 0, 0, links, mtime, size, 0, 0, *entry.device, len(name), entry.checksum)
    header = b"070702" + b"".join(b"%08X" % field for field in fields) + name
    archive.write(header)
    written = len(header) + _pad(archive, len(header), _ALIGNMENT)
    if isinstance(entry.content, Path):
        with entry.content.open("rb") as source:
            shutil.copyfileobj(source, archive, _PIECE)
    else:
        archive.write(entry.content)
    return written + size + _pad(archive, size, _ALIGNMENT)


def _pad(archive: IO[bytes], length: int, alignment: int) -> int:
    padding = -length % alignment
    archive.write(b"\0" * padding)
    return padding
