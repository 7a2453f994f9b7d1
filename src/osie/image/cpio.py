"""Deterministic cpio archives in the kernel's initramfs form ("newc"): same entries, same bytes.

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
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
    fields = (inode, entry.mode, 0, 0, links, mtime, size, 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    archive.write(header)
    written = len(header) + _pad(archive, len(header), _ALIGNMENT)
    if isinstance(entry.content, Path):
        with entry.content.open("rb") as source:
            shutil.copyfileobj(source, archive, 1 << 20)
    else:
        archive.write(entry.content)
    return written + size + _pad(archive, size, _ALIGNMENT)


def _pad(archive: IO[bytes], length: int, alignment: int) -> int:
    padding = -length % alignment
    archive.write(b"\0" * padding)
    return padding
