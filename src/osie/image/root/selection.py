"""Which files of the unpacked packages a root gets: patterns, whole packages, and libraries nobody needs."""

import os
import shutil
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from osie.core import debian
from osie.image.root import elf

# Nothing of this is read by a machine that installs another system.
ALWAYS_EXCLUDED = (
    "/boot/*",
    "/dev/*",
    "/etc/alternatives/*",
    "/etc/apt/*",
    "/etc/cron*",
    "/etc/default/*",
    "/etc/dpkg/*",
    "/etc/fstab",
    "/etc/hostname",  # mmdebstrap copies the build host's
    "/etc/init.d/*",
    "/etc/logrotate.d/*",
    "/etc/rc?.d/*",
    "/etc/resolv.conf",  # as above
    "/tmp/*",  # noqa: S108 - a path pattern
    "*.a",
    "*.la",
    "*/__pycache__/*",
    "/usr/include/*",
    "/usr/lib/modules/*",  # chosen by class instead
    "/usr/lib/firmware/*",  # as above
    "/usr/bin/py3clean",
    "/usr/bin/py3compile",
    "/usr/lib/binfmt.d/*",
    "/usr/lib/lsb/*",
    "/usr/lib/systemd/system/*",
    "/usr/lib/sysusers.d/*",
    "/usr/lib/tmpfiles.d/*",
    "/usr/lib/systemd/user/*",
    "/usr/lib/udev/hwdb.d/*",  # names of vendors; 9 MB
    "/usr/lib/x86_64-linux-gnu/gconv/*",  # character sets
    "/usr/lib/x86_64-linux-gnu/perl*",
    "/usr/lib/python3.*/test/*",
    "/usr/lib/python3.*/idlelib/*",
    "/usr/lib/python3.*/ensurepip/*",
    "/usr/lib/python3.*/lib2to3/*",
    "/usr/lib/python3.*/pydoc_data/*",
    "/usr/lib/python3.*/_pyrepl/*",
    "/usr/lib/python3.*/tkinter/*",
    "/usr/lib/python3.*/turtle*",
    "/usr/lib/python3.*/unittest/*",
    "/usr/lib/python3.*/venv/*",
    "/usr/lib/python3.*/wsgiref/*",
    "/usr/lib/python3.*/xmlrpc/*",
    "/usr/lib/python3.*/sqlite3/*",
    "/usr/lib/python3.*/curses/*",
    "/usr/lib/python3.*/dbm/*",
    "/usr/lib/python3.*/config-3*",
    "/usr/lib/python3.*/lib-dynload/_test*",
    "/usr/lib/python3.*/lib-dynload/xx*",
    "/usr/lib/python3.*/lib-dynload/_xxtest*",
    "/usr/lib/python3.*/lib-dynload/_codecs_*",
    "/usr/lib/python3.*/lib-dynload/_curses*",
    "/usr/lib/python3.*/lib-dynload/_dbm*",
    "/usr/lib/python3.*/lib-dynload/_sqlite3*",
    "/usr/lib/python3.*/lib-dynload/readline*",
    "/usr/lib/valgrind/*",
    "/usr/sbin/update-ca-certificates",
    "/usr/sbin/update-passwd",
    "/usr/share/binfmts/*",
    "/usr/share/python3/*",
    "/usr/share/bash-completion/*",
    "/usr/share/bug/*",
    "/usr/share/debconf/*",
    "/usr/share/doc/*",
    "/usr/share/doc-base/*",
    "/usr/share/fish/*",
    "/usr/share/info/*",
    "/usr/share/initramfs-tools/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/perl*",
    "/usr/share/pixmaps/*",
    "/usr/share/terminfo/*",
    "/usr/share/zsh/*",
    "/var/*",
)
# Loaded by name at run time (dlopen), so that no ELF header tells of it.
_LOADED_BY_NAME = (
    "libkmod.so.*",  # by udev, to load modules
    "libgcc_s.so.*",  # by glibc, to end a thread
    "libnss_dns*",
    "libnss_files*",
    "ld-linux*",
)
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


def owners(packages: Path) -> dict[str, str]:
    """Package by path (with a leading slash), from the lists of files that core.packages wrote."""
    found = {}
    for names in sorted((packages / "var/lib/dpkg/info").glob("*.list")):
        for line in names.read_text().splitlines():
            if not line.endswith("/"):
                found[line.removeprefix(".")] = names.stem
    return found


def copy(packages: Path, root: Path, *, without: Iterable[str], exclude: Iterable[str]) -> None:
    """Copy the wanted files and links of the unpacked packages into `root`, folders as these need them."""
    unwanted = set(without)
    owner = owners(packages)
    patterns = [*ALWAYS_EXCLUDED, *exclude]
    for source in sorted(packages.rglob("*")):
        path = "/" + str(source.relative_to(packages))
        if source.is_dir() and not source.is_symlink():
            continue
        if owner.get(path) in unwanted or matches(path, patterns):
            continue
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def drop_unneeded_libraries(root: Path, *, keep: Collection[str] = ()) -> None:
    """Remove the shared libraries that no program and no plugin in `root` needs, even through another.

    Those in `keep`, by path, stay, and so does what they need.
    """
    files = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}
    folder = str(_LIBRARIES)
    libraries = {path for path in files if Path(path).parent == _LIBRARIES and ".so" in Path(path).name}
    waiting = [path for path in files if path not in libraries or _by_name(path) or f"/{path}" in keep]
    needed = set(waiting)
    while waiting:
        path = waiting.pop()
        wanted = elf.needs(files[path])
        found = elf.resolve(root, path, wanted).values() if wanted else []
        linked = (
            [f"{folder}/{files[path].readlink()}"] if files[path].is_symlink() and path in libraries else []
        )
        for place in [*[f for f in found if f], *linked]:
            if place not in needed and place in files:
                needed.add(place)
                waiting.append(place)
    for path in libraries - needed:
        files[path].unlink()


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits the whole path; `*` crosses folders."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _by_name(path: str) -> bool:
    return matches(Path(path).name, _LOADED_BY_NAME)


def contained(packages: Path, root: Path, *, also: Iterable[str] = ()) -> list[dict[str, str]]:
    """Name and version of the packages that `root` has any file of, and of those in `also`."""
    present = {package for path, package in owners(packages).items() if os.path.lexists(f"{root}{path}")}
    return [one for one in debian.installed(packages) if one["name"] in present | set(also)]
