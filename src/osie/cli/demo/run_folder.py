"""The demo's own folder: made for a run and gone with it; what a killed run left goes with the next one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from osie.core import locks
from osie.core.cache import disk_is_full
from osie.core.errors import OsieError

# mkdtemp's part of the name has no hyphen: a folder of an earlier version, which isn't locked, never fits.
_PREFIX = "osie-demo-run-"


@contextmanager
def temporary(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, locked for as long as we live. Those of dead runs are removed before."""
    sweep(parent)
    with ExitStack() as stack:
        folder = _locked(parent, stack)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _locked(parent: Path, stack: ExitStack) -> Path:
    while True:  # another run may sweep it before it is locked
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with suppress(FileNotFoundError):
            stack.enter_context(locks.alone_in(folder))
            folder.stat()
            return folder


def sweep(parent: Path) -> list[Path]:
    """Remove the folders of this user's runs that are dead; return them. A living run has its own locked."""
    swept = []
    for folder in parent.glob(f"{_PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
            continue
        with locks.alone_if_free(folder) as dead:
            if dead:
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder)
    return swept


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Tell that the disk with `folder` is full, where something in it couldn't be written."""
    try:
        yield
    except (OSError, OsieError) as error:
        if not disk_is_full(error):
            raise
        raise OsieError(
            f"the disk that holds {folder} is full",
            hint="TMPDIR=FOLDER or --workdir FOLDER, on a larger disk",
        ) from None
