"""One file, placed whole and durably in a mounted file system, from which no link leads out."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from osie.actions import libc
from osie.actions.environment import Environment
from osie.actions.mounting import mounted, private_namespace
from osie.actions.program import say
from osie.core.errors import OsieError

_MOUNT_FLAGS = libc.MS_NOSUID | libc.MS_NODEV | libc.MS_NOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class PlaceError(OsieError):
    """The file can't be put where it should be."""


class Settings(NamedTuple):
    """One file on one device."""

    device: str
    kind: str  # of the file system
    path: PurePosixPath
    contents: bytes
    uid: int
    gid: int
    mode: int
    folder_mode: int  # of folders that have to be made on the way


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    path = PurePosixPath(environment.path("DEST_PATH"))
    if ".." in path.parts:
        environment.error("DEST_PATH", f"is '{path}': it may not contain '..'")
    elif path.is_absolute() and path.name == "":
        environment.error("DEST_PATH", f"is '{path}': expected the path of a file")
    settings = Settings(
        device=environment.path("DEST_DISK"),
        kind=environment.text("FS_TYPE"),
        path=path,
        contents=os.fsencode(environment.text("CONTENTS", empty=True)),
        uid=environment.identity("UID", 0),
        gid=environment.identity("GID", 0),
        mode=environment.mode("MODE", 0o644),
        folder_mode=environment.mode("DIRMODE", 0o755),
    )
    environment.check()
    return settings


def place(settings: Settings) -> int:
    """Mount, write, unmount. Returns 0; raises OsieError on anything less than a durable file."""
    private_namespace()
    # FAT has no owners and hardly any modes: `quiet` lets chown and chmod pass (the kernel's vfat.rst)
    options = "quiet" if settings.kind == "vfat" else ""
    with mounted(settings.device, settings.kind, flags=_MOUNT_FLAGS, options=options) as root:
        try:
            place_below(root, settings)
        except OSError as error:
            raise PlaceError(f"can't write {settings.path} on {settings.device}: {error.strerror}") from error
    say(
        f"wrote {len(settings.contents)} bytes to {settings.path} on {settings.device}, "
        f"owner {settings.uid}:{settings.gid}, mode {settings.mode:04o}"
    )
    return 0


def place_below(root: Path, settings: Settings) -> None:
    """Write the file below `root`, which links in the path take for their root too. Raises OSError."""
    with libc.opened(os.open(root, _FOLDER)) as top:
        for folder in (*reversed(settings.path.parents),)[1:]:
            _make_folder(top, folder, settings)
        with libc.opened(libc.open_in_root(top, str(settings.path.parent), _FOLDER)) as parent:
            _replace(parent, settings)


def _make_folder(top: int, folder: PurePosixPath, settings: Settings) -> None:
    """Make the folder where it is missing; those before it are there."""
    with libc.opened(libc.open_in_root(top, str(folder.parent), _FOLDER)) as parent:
        try:
            os.mkdir(folder.name, 0o700, dir_fd=parent)
        except FileExistsError:
            return
        with libc.opened(os.open(folder.name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)) as made:
            os.fchown(made, settings.uid, settings.gid)
            os.fchmod(made, settings.folder_mode)
            os.fsync(made)
        os.fsync(parent)


def _replace(parent: int, settings: Settings) -> None:
    """Put the file in the open folder: rename(2) shows the old one or the whole new one, never a part.

    A link of that name is replaced, not followed.
    """
    name, temporary = settings.path.name, f".osie-{os.getpid()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=parent), "wb") as file:
            file.write(settings.contents)
            file.flush()
            os.fchown(file.fileno(), settings.uid, settings.gid)
            os.fchmod(file.fileno(), settings.mode)  # after chown, which takes set-ID bits away
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)
    except OSError:
        with suppress(OSError):  # the file system may be full or failing; the first error is the one to tell
            os.unlink(temporary, dir_fd=parent)
        raise
