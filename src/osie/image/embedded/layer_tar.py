"""A layer's plain tar, unpacked into a folder of its own, and what it hides of the layers below it.

Nothing is written outside of the folder, whatever the tar holds: links are followed as in a chroot, and only
while they lead to folders of the same layer. Owners, modes, times and capabilities are the tar's.
Source: OCI image-spec 1.1, layer.md; how Docker reads it: moby's pkg/archive, diff.go.
"""

import errno
import math
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from osie.core.debian import EPOCH
from osie.image.embedded.archived import Damaged

_HIDDEN = ".wh."
_OPAQUE = ".wh..wh..opq"
_BOOKKEEPING = ".wh..wh."  # of aufs; means nothing to anybody else
_MOST_LINKS = 40  # in one path, as in the kernel
_LATEST = (1 << 32) - 1  # seconds; a squashfs can't hold more
# Of the others, trusted.overlay.* would change what overlayfs shows; labels and access lists bind no root.
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes (NAME_MAX, PATH_MAX without its NUL: limits.h)
_DEEPEST = 300  # folders in each other; what walks a tree calls itself for each (sys.getrecursionlimit)
_AS_IT_IS = (1 << 32) - 1  # to chown(2), which would leave the file root's
# What the kernel says of an entry that it can't make; all else is this host's trouble.
_NOT_TO_BE_MADE = frozenset({errno.EINVAL, errno.ENAMETOOLONG, errno.ENOENT, errno.ELOOP, errno.EOVERFLOW})
_CAPABILITY = "security.capability"
_CAPABILITY_IN_TAR = f"SCHILY.xattr.{_CAPABILITY}"


@dataclass(frozen=True)
class Hidden:
    """What a layer takes away of those below it, by path without a leading slash."""

    names: frozenset[str] = frozenset()  # files and folders
    contents: frozenset[str] = frozenset()  # of folders, whatever was in them; "" is the root

    def __bool__(self) -> bool:
        return bool(self.names or self.contents)


def unpack(tar: Path, folder: Path) -> Hidden:
    """Fill `folder`, which is made. Raises Damaged."""
    names, contents = set[str](), set[str]()
    folder.mkdir(parents=True)
    folders: dict[Path, tarfile.TarInfo] = {}
    with tarfile.open(tar, "r:") as archive:
        for entry in archive:
            path = _path(entry.name)
            parent = "" if path.parent == PurePosixPath() else f"{path.parent}/"
            if path.name == _OPAQUE:
                contents.add(parent.rstrip("/"))
            elif path.name.startswith(_BOOKKEEPING):
                continue
            elif path.name.startswith(_HIDDEN):
                names.add(parent + _hidden(path))
            elif entry.ischr() and (entry.devmajor, entry.devminor) == (0, 0):
                names.add(str(path))  # overlayfs' own form
            else:
                _check(entry)
                with _named(entry):
                    place = _place(folder, path)
                    _write(archive, entry, place, folder)
                if entry.isdir():
                    folders[place] = entry
                else:
                    folders.pop(place, None)
    _finish(folder, folders)
    return Hidden(frozenset(names), frozenset(contents))


def _path(name: str) -> PurePosixPath:
    path = PurePosixPath(name.lstrip("/"))
    if ".." in path.parts or "\0" in name:
        raise Damaged(f"a layer's file {name!r} is outside of the layer")
    lengths = [len(os.fsencode(part)) for part in path.parts]
    if max(lengths, default=0) > _LONGEST_NAME or sum(lengths) + len(lengths) > _LONGEST_PATH:
        raise Damaged(f"a layer's file {_short(name)} has a name too long for any file system")
    return path


def _check(entry: tarfile.TarInfo) -> None:
    """Refuse what no file can be; a tar's numbers and texts have no limits."""
    name = f"a layer's file {_short(entry.name)}"
    if not (0 <= entry.uid < _AS_IT_IS and 0 <= entry.gid < _AS_IT_IS):
        raise Damaged(f"{name} belongs to {entry.uid}:{entry.gid}, and there can be no such owner")
    if not math.isfinite(entry.mtime):
        raise Damaged(f"{name} has a time that is none: {entry.mtime}")
    if entry.issym() and not 0 < len(os.fsencode(entry.linkname)) <= _LONGEST_PATH:
        raise Damaged(f"{name} is a link to {_short(entry.linkname)}: too long, or nothing at all")


@contextmanager
def _named(entry: tarfile.TarInfo) -> Iterator[None]:
    """Say which entry it is that can't be made: a device without such a number, a capability that is none."""
    try:
        yield
    except (OverflowError, ValueError) as error:
        raise Damaged(f"a layer's file {_short(entry.name)} can't be made: {error}") from error
    except OSError as error:
        if error.errno not in _NOT_TO_BE_MADE:
            raise
        raise Damaged(f"a layer's file {_short(entry.name)} can't be made: {error.strerror}") from error


def _short(name: str) -> str:
    return repr(name) if len(name) <= _LONGEST_NAME else f"{name[:40]!r}... ({len(name)} characters)"


def _hidden(path: PurePosixPath) -> str:
    name = path.name.removeprefix(_HIDDEN)
    if name in ("", ".", ".."):
        raise Damaged(f"a layer hides {str(path)!r}, which is no file's name")
    return name


def _place(folder: Path, path: PurePosixPath) -> Path:
    """Where the entry goes. The folders above it are there then, and none of them is a link."""
    if path == PurePosixPath():
        return folder
    above = folder
    for part in path.parent.parts:
        above = _entered(folder, above, part, str(path))
    return above / path.name


def _entered(root: Path, above: Path, name: str, path: str) -> Path:
    """The folder `name` in `above`: made where it lacks, and where it's a link, what that leads to."""
    waiting, links = [name], 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            above = root if above == root else above.parent
            continue
        place = above / part
        if place.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise Damaged(f"a layer's file {path!r} is behind links that lead nowhere")
            target = str(place.readlink())
            above = root if target.startswith("/") else above
            waiting += reversed(target.split("/"))
            continue
        if not place.exists():
            if len(place.parts) - len(root.parts) > _DEEPEST:
                raise Damaged(f"a layer's file {_short(path)} is in more than {_DEEPEST} folders")
            place.mkdir(mode=0o755)
        elif not place.is_dir():
            raise Damaged(f"a layer's file {path!r} is below one that is no folder")
        above = place
    return above


def _write(archive: tarfile.TarFile, entry: tarfile.TarInfo, place: Path, folder: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        if entry.isdir():
            return  # its attributes come last
        if place == folder:
            raise Damaged(f"the layer's root is {entry.name!r}, and no folder")
        shutil.rmtree(place)
    elif os.path.lexists(place):
        place.unlink()
    if entry.isdir():
        place.mkdir()
        return
    if entry.islnk():
        _link(entry, place, folder)
        return  # its attributes are the other's
    if entry.issym():
        place.symlink_to(entry.linkname)
    elif entry.isreg():
        _copy(archive, entry, place)
    elif entry.ischr() or entry.isblk():
        kind = stat.S_IFCHR if entry.ischr() else stat.S_IFBLK
        os.mknod(place, kind | 0o600, os.makedev(entry.devmajor, entry.devminor))
    elif entry.isfifo():
        os.mkfifo(place)
    else:
        raise Damaged(f"a layer's file {entry.name!r} is of a kind that no layer has: {entry.type!r}")
    _dress(place, entry)


def _link(entry: tarfile.TarInfo, place: Path, folder: Path) -> None:
    target = _place(folder, _path(entry.linkname))
    if not os.path.lexists(target) or (target.is_dir() and not target.is_symlink()):
        raise Damaged(
            f"a layer's file {entry.name!r} is a hard link to {entry.linkname!r}, which is no file there"
        )
    os.link(target, place, follow_symlinks=False)


def _copy(archive: tarfile.TarFile, entry: tarfile.TarInfo, place: Path) -> None:
    content = archive.extractfile(entry)
    assert content is not None  # noqa: S101 - it is a regular file
    with content, place.open("xb") as file:
        shutil.copyfileobj(content, file)
    if place.stat().st_size != entry.size:
        raise Damaged(f"a layer's file {entry.name!r} ends early")


def _finish(folder: Path, told: dict[Path, tarfile.TarInfo]) -> None:
    """Give folders their attributes when all is in them, the deepest first; those that nobody told, ours."""
    found = [Path(path) for path, _, _ in os.walk(folder, topdown=False)]
    for place in found:
        if place in told:
            with _named(told[place]):
                _dress(place, told[place])
        else:
            place.chmod(0o755)
            os.utime(place, (int(EPOCH), int(EPOCH)))


def _dress(place: Path, entry: tarfile.TarInfo) -> None:
    os.chown(place, entry.uid, entry.gid, follow_symlinks=False)
    if not entry.issym():
        place.chmod(entry.mode & 0o7777)  # after chown(2), which takes set-user-ID away
        if entry.isreg() and _CAPABILITY_IN_TAR in entry.pax_headers:
            os.setxattr(place, _CAPABILITY, os.fsencode(entry.pax_headers[_CAPABILITY_IN_TAR]))
    seconds = min(max(0, int(entry.mtime)), _LATEST)
    os.utime(place, (seconds, seconds), follow_symlinks=False)
