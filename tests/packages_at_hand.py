"""A build cache of a test's own, with what the user's has downloaded: cold, but no downloads."""

import os
import shutil
from pathlib import Path

from osie.cli.workshop import cache_root

_DOWNLOADED = ("deb-*", "package-lists-*", "package-names-*", "package-versions-*", ".lists-*")


def seed(target: Path) -> Path:
    """Make `target` (a Cache's root) hold what is downloaded already; hard links, where it can have them."""
    target.mkdir(parents=True, exist_ok=True)
    for pattern in _DOWNLOADED:
        for path in (cache_root() / "build").glob(pattern):
            if path.is_dir():
                shutil.copytree(path, target / path.name, symlinks=True, copy_function=_link)
            else:
                shutil.copy2(path, target / path.name)
    return target


def _link(source: str, target: str, *, follow_symlinks: bool = True) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
