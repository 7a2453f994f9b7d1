"""What was written survives a power cut."""

import os
from pathlib import Path

from osie.core.process import run

_FEW = 16  # files, each of which takes a fsync(2); more are cheaper with all else that the file system has


def settle(folder: Path) -> None:
    """Return when all that is in the folder is on the disk. Who renames it then, renames something whole."""
    files: list[Path] = []
    folders: list[Path] = []
    for above, _, names in os.walk(folder):
        folders.append(Path(above))
        files += [path for name in names if (path := Path(above, name)).is_file() and not path.is_symlink()]
        if len(files) > _FEW:
            run(["sync", "--file-system", folder])
            return
    for path in (*files, *folders):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
