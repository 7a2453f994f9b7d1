"""What a boot loader would start, and the files in which it is told that."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from osie.core.errors import OsieError


class BootError(OsieError):
    """Nothing can be started of what is installed."""


class Entry(NamedTuple):
    """One way to start the system; paths are absolute, in the file system that holds the configuration."""

    kernel: str
    ramdisks: tuple[str, ...] = ()
    options: str = ""  # the kernel's command line
    title: str = ""


class Files(Protocol):
    """The files of the file system that the boot loader reads."""

    def text(self, path: str) -> str | None:
        """The file's text; None: there is no such file."""

    def has(self, path: str) -> bool:
        """Whether there is a file, of whatever size."""

    def names(self, folder: str) -> Sequence[str]:
        """What is in the folder, sorted; nothing where there is none."""
