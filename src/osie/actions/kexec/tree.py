"""The installed system's files. No link in them leads out, and none is read for ever."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from osie.actions import libc
from osie.actions.kexec.entry import BootError

_MOST_BYTES = 1 << 20  # of a configuration; Debian's have 10 KiB
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Tree:
    """The files below a mounted folder, which links take for their root. It is an `entry.Files`."""

    def __init__(self, top: int) -> None:
        self._top = top

    @classmethod
    @contextmanager
    def at(cls, folder: Path) -> "Iterator[Tree]":
        """The tree below the folder, held open for the block."""
        with libc.opened(os.open(folder, os.O_RDONLY | os.O_DIRECTORY)) as top:
            yield cls(top)

    def text(self, path: str) -> str | None:
        """The file's text; None: there is no such file. Raises BootError."""
        try:
            descriptor = self._open(path)
        except OSError as error:
            if error.errno in _MISSING:
                return None
            raise BootError(f"can't read {path}: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            try:
                content = file.read(_MOST_BYTES + 1)
            except OSError as error:
                raise BootError(f"can't read {path}: {error.strerror}") from error
        if len(content) > _MOST_BYTES:
            raise BootError(f"{path} is larger than {_MOST_BYTES >> 20} MiB: it is no configuration")
        return content.decode(errors="replace").replace("\0", "")

    def has(self, path: str) -> bool:
        """Whether there is a file, of whatever size."""
        try:
            with libc.opened(self._open(path)) as descriptor:
                return stat.S_ISREG(os.fstat(descriptor).st_mode)
        except OSError:
            return False

    def names(self, folder: str) -> Sequence[str]:
        """What is in the folder, sorted; nothing where there is none."""
        try:
            with libc.opened(libc.open_in_root(self._top, folder, os.O_RDONLY | os.O_DIRECTORY)) as opened:
                return sorted(os.listdir(opened))  # noqa: PTH208 - a descriptor has no path
        except OSError:
            return []

    @contextmanager
    def opened(self, path: str, what: str) -> Iterator[int]:
        """The regular file at `path`, open for reading. Raises BootError."""
        try:
            descriptor = self._open(path)
        except OSError as error:
            raise BootError(f"can't open the {what} {path}: {error.strerror}") from error
        with libc.opened(descriptor):
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BootError(f"the {what} {path} is no file")
            yield descriptor

    def _open(self, path: str) -> int:
        """O_NONBLOCK: a FIFO in a configuration's place must not be waited for."""
        return libc.open_in_root(self._top, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
