"""Paths in a root, as the machine that runs from it sees them: never one of the build host."""

from pathlib import Path, PurePosixPath

from osie.core.errors import OsieError

MERGED = ("bin", "sbin", "lib", "lib64")  # /usr merge: links to the folders of the same name below usr
# What stands there is not what the image has: file systems in memory are mounted over these.
_MOUNTED_OVER = ("/dev", "/proc", "/run", "/sys", "/var/lib/docker")
# Ours, with what lies below: what the machine starts with, and where the build adds to the root.
_OURS = ("/etc/inittab", "/usr/lib/osie", "/osie", "/osie-images", "/osie-worker")
_MOST_LINKS = 40  # as Linux: path_resolution(7)


def plain(path: str) -> str:
    """The absolute path, without `.` and doubled slashes, and with the links that every root has followed."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if parts[:1] and parts[0] in MERGED:
        parts.insert(0, "usr")
    if parts[:2] == ["var", "run"]:
        parts[:2] = ["run"]
    return "/" + "/".join(parts)


def why_not(path: str) -> str:
    """Why a profile can't have a file there; "" where it can."""
    place = PurePosixPath(plain(path))
    for mounted in map(PurePosixPath, _MOUNTED_OVER):
        if place.is_relative_to(mounted):
            return f"{mounted} is mounted over when the machine starts: nobody would see the file"
        if mounted.is_relative_to(place):
            return "it is a folder"
    for ours in map(PurePosixPath, _OURS):
        if place.is_relative_to(ours):
            return f"{ours} is Osie's own"
        if ours.is_relative_to(place):
            return "it is a folder"
    return ""


def follow(root: Path, path: str) -> Path:
    """Where `path` leads to, as if `root` were /: what a link names is looked for in the root too."""
    waiting = _steps(path)
    place, followed = root, 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            place = place if place == root else place.parent
        elif (place / name).is_symlink():
            followed += 1
            if followed > _MOST_LINKS:
                raise OsieError(f"{path}: links that lead in a circle")
            target = str((place / name).readlink())
            place = root if target.startswith("/") else place
            waiting += _steps(target)
        else:
            place /= name
    return place


def _steps(path: str) -> list[str]:
    """The names on the way, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def free(root: Path, path: str) -> Path:
    """A place for a new file at `path`: its folder is there, and nothing is at it. A link there goes."""
    if follow(root, path).is_dir():
        raise OsieError(f"{path}: it is a folder")
    folder, _, name = path.rpartition("/")
    parent = follow(root, folder)
    there = f"/{parent.relative_to(root) / name}"
    if reason := why_not(there):
        raise OsieError(f"{path}: it leads to {there}: {reason}")
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OsieError(f"{path}: it is below a file") from None
    (parent / name).unlink(missing_ok=True)
    return parent / name
