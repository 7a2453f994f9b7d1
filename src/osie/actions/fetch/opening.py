"""The source for the URLs of one image."""

from collections.abc import Callable, Iterator, Sequence

from osie.actions.fetch.file import FileSource
from osie.actions.fetch.http import HttpSource
from osie.actions.fetch.mirror import Mirror
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import Source, SourceError


def source_for(
    urls: Sequence[str],
    patience: Patience,
    tell: Callable[[str], None],
    *,
    connections: int = 2,
    checked: bool = False,
) -> Source:
    """Where one image can be had: http, https and file URLs of the same bytes, the preferred one first.

    `checked`: a digest or manifest stands for the bytes; that makes going on at a mirror cheap (`mirrors`).
    `connections`: how many one server is asked for at most. A file is taken or not when it is opened.
    """
    sources: list[Source] = [FileSource(url) for url in urls if url.startswith("file:")]
    mirrors = [Mirror(url) for url in urls if not url.startswith("file:")]
    if mirrors:
        web = HttpSource(mirrors, patience, tell, connections=connections, checked=checked)
        sources.insert(len(sources) if urls[0].startswith("file:") else 0, web)
    return sources[0] if len(sources) == 1 else _FirstThatOpens(sources, tell)


class _FirstThatOpens:
    """Files, and servers: the first that is there."""

    def __init__(self, sources: Sequence[Source], tell: Callable[[str], None]) -> None:
        self._sources = list(sources)
        self._tell = tell
        self._opened = False

    @property
    def total(self) -> int | None:
        """Of the one that was opened."""
        return self._sources[0].total

    @property
    def ends_clearly(self) -> bool:
        """Of the one that was opened."""
        return self._sources[0].ends_clearly

    @property
    def seekable(self) -> bool:
        """Of the one that was opened."""
        return self._sources[0].seekable

    def open(self) -> None:
        """Open the first that can be; raises the last one's SourceError where none can."""
        while not self._opened:
            try:
                self._sources[0].open()
                self._opened = True
            except SourceError as error:
                if len(self._sources) == 1:
                    raise
                self._tell(f"{error}; trying the next")
                self._sources.pop(0).close()

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Of the one that was opened."""
        self.open()
        return self._sources[0].chunks(start, end)

    def close(self) -> None:
        """Close them all."""
        for source in self._sources:
            source.close()
