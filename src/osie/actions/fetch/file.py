"""An image in a file on a file system that the container sees."""

import os
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from osie.actions.fetch.source import CHUNK_BYTES, SourceError


class FileSource:
    """A file by its `file://` URL, or a block device. Changes while it is read are an error."""

    def __init__(self, url: str) -> None:
        self._path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
        self._version: tuple[int, ...] = ()
        self.total: int | None = None
        self.ends_clearly = True
        self.seekable = True

    def open(self) -> None:
        """Look how long it is."""
        try:
            with self._path.open("rb") as file:
                self.total = file.seek(0, os.SEEK_END)
                self._version = self._version_of(file.fileno())
        except OSError as error:
            raise SourceError(f"can't read {self._path}: {error.strerror}") from error

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read it; a file that is another one meanwhile, shorter, or longer is an error."""
        if self.total is None:
            self.open()
        position, last = start, self.total if end is None else min(end, self.total or 0)
        try:
            with self._path.open("rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
                file.seek(start)
                while position < (last or 0):
                    chunk = file.read(min(CHUNK_BYTES, (last or 0) - position))
                    if not chunk:
                        break
                    position += len(chunk)
                    yield chunk
                grown = last == self.total and file.read(1)
                if position < (last or 0) or grown or self._version_of(file.fileno()) != self._version:
                    raise SourceError(f"{self._path} changed while it was read, at byte {position}")
        except OSError as error:
            raise SourceError(f"can't read {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is kept open."""

    @staticmethod
    def _version_of(file: int) -> tuple[int, ...]:
        status = os.fstat(file)
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
