"""Moves a tree to where it belongs in the same file system: what is there and also in the tree is replaced.

Folders that are in both are one afterwards, with the tree's owner and permissions. Links in the way lead
where they would lead in the running system, never out of it.
"""

import os
import shutil
import stat
from pathlib import Path, PurePosixPath

from osie.actions import libc

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_UNTOUCHED = 0o700  # what the tree's own folder is made with


def check(root: Path, folder: PurePosixPath) -> None:
    """Raise OSError where something else than a folder is in the way to `folder` below `root`."""
    with libc.opened(os.open(root, _FOLDER)) as top:
        for path in (*reversed(folder.parents), folder)[1:]:
            with libc.opened(_inside(top, path.parent)) as parent:
                if _kind(path.name, parent) is None:
                    return
            os.close(_inside(top, path))


def move(tree: Path, root: Path, folder: PurePosixPath) -> None:
    """Move what is in `tree` into `folder` of the file system at `root`. Raises OSError."""
    with libc.opened(os.open(root, _FOLDER)) as top:
        _make(top, folder)
        with libc.opened(os.open(tree, _FOLDER)) as source, libc.opened(_inside(top, folder)) as target:
            given = stat.S_IMODE(os.fstat(source).st_mode) != _UNTOUCHED  # the archive says what "." is
            _merge(source, target, top, folder)
            if given:
                _take_over(source, target)


def _inside(top: int, path: PurePosixPath) -> int:
    return libc.open_in_root(top, str(path), _FOLDER)


def _make(top: int, folder: PurePosixPath) -> None:
    """Make the folder, and those above it, where they are missing."""
    for path in (*reversed(folder.parents), folder)[1:]:
        with libc.opened(_inside(top, path.parent)) as parent:
            try:
                os.mkdir(path.name, 0o755, dir_fd=parent)
            except FileExistsError:
                continue


def _merge(source: int, target: int, top: int, path: PurePosixPath) -> None:
    """Move each entry of the open folder `source` to `target`, the open folder `path` below `top`."""
    for name in sorted(os.listdir(source)):
        there = _kind(name, target)
        if there is None or not stat.S_ISDIR(_kind(name, source) or 0):
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
        elif stat.S_ISDIR(there) or _leads_to_folder(top, path / name):
            staged = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=source)
            with libc.opened(staged) as inner, libc.opened(_inside(top, path / name)) as outer:
                _merge(inner, outer, top, path / name)
                if stat.S_ISDIR(there):  # what a link leads to keeps its own
                    _take_over(inner, outer)
            os.rmdir(name, dir_fd=source)
        else:
            os.unlink(name, dir_fd=target)
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)


def _kind(name: str, folder: int) -> int | None:
    """The entry's type and mode; None where there is no such entry."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _leads_to_folder(top: int, path: PurePosixPath) -> bool:
    try:
        os.close(_inside(top, path))
    except OSError:
        return False
    return True


def _take_over(source: int, target: int) -> None:
    """Give one folder the owner, extended attributes, permissions and times of another."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    shutil.copystat(f"/proc/self/fd/{source}", f"/proc/self/fd/{target}")
