"""Files of a boot loader, held in memory: an `entry.Files`."""

from collections.abc import Mapping, Sequence


class Files:
    """The files with these texts."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def text(self, path: str) -> str | None:
        """The file's text."""
        return self._texts.get(path)

    def has(self, path: str) -> bool:
        """Whether it is there."""
        return path in self._texts

    def names(self, folder: str) -> Sequence[str]:
        """The files right in the folder."""
        parts = (path.rpartition("/") for path in self._texts)
        return sorted(name for parent, _, name in parts if parent == folder)
