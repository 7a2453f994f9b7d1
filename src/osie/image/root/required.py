"""What a ramdisk can't do without: looked for in its root, told with the package that brings it."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from osie.core.errors import OsieError
from osie.image.profile import inside
from osie.image.profile.profile import Profile
from osie.image.root import elf, selection

# The paths, of which one is enough, and the package that brings it. Busybox' own `ip` and `modprobe` lack
# what the ramdisk asks of them, so they don't count.
_ALWAYS = {
    ("/usr/bin/busybox",): "busybox-static",  # and with it /sbin/init and /bin/sh
    ("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",): "libc6",
    # Loaded by name: by udev, to load modules; by glibc, to end a thread.
    ("/usr/lib/x86_64-linux-gnu/libkmod.so.*",): "libkmod2",
    ("/usr/lib/x86_64-linux-gnu/libgcc_s.so.*",): "libgcc-s1",
    ("/usr/lib/systemd/systemd-udevd",): "udev",
    ("/usr/bin/udevadm",): "udev",
    ("/usr/bin/ip", "/usr/sbin/ip"): "iproute2",
    ("/usr/sbin/modprobe",): "kmod",
    ("/usr/bin/python3",): "python3-minimal",
    ("/usr/lib/python3.*/os.py",): "libpython3-stdlib",
    ("/usr/lib/python3.*/json/decoder.py",): "libpython3-stdlib",
    ("/usr/share/base-passwd/passwd.master",): "base-passwd",
    ("/usr/share/base-passwd/group.master",): "base-passwd",
}
_ENGINES: Mapping[str, dict[tuple[str, ...], str]] = {
    "docker": {
        ("/usr/bin/crun", "/usr/sbin/runc"): "crun",
        ("/usr/sbin/dockerd",): "docker.io",
        ("/usr/bin/containerd",): "containerd",
        ("/usr/bin/containerd-shim-runc-v2",): "containerd",
        ("/usr/sbin/xtables-nft-multi", "/usr/sbin/iptables"): "iptables",
    },
    "podman": {
        ("/usr/bin/crun",): "crun",
        ("/usr/bin/podman",): "podman",
        ("/usr/bin/conmon",): "conmon",
        ("/usr/lib/podman/netavark",): "netavark",  # the shipped profiles have a file of their own there
    },
}
_HINT = "see the profile's packages, without_packages, exclude and engine; or have the file in its files"


def check(profile: Profile, root: Path, packages: Path) -> None:
    """Raise one OsieError with all that the packages' files in `root` and the profile's own files lack."""
    own = {inside.plain(file.path) for file in profile.files}
    wanted = [path for paths in (_ALWAYS | _ENGINES[profile.engine]) for path in paths if path not in own]
    missing = [*_missing(profile, root, packages), *_lacking(root, wanted, brought=own)]
    if missing:
        raise OsieError(
            f"profile {profile.name}: no machine would start from this ramdisk, it lacks:"
            + "".join(f"\n    {line}" for line in missing),
            hint=_HINT,
        )


def _missing(profile: Profile, root: Path, packages: Path) -> Iterator[str]:
    owners = selection.owners(packages)
    own = {inside.plain(file.path) for file in profile.files}
    for paths, package in (_ALWAYS | _ENGINES[profile.engine]).items():
        if not any(path in own or _is_there(root, path) for path in paths):
            yield _told(profile, root, paths[0], package, owners)


def _is_there(root: Path, path: str) -> bool:
    if "*" in path:
        return any(root.glob(path.lstrip("/")))
    return inside.follow(root, path).is_file()


def _told(profile: Profile, root: Path, path: str, package: str, owners: Mapping[str, str]) -> str:
    """What is missing, and why: its package isn't there, or the profile leaves it or a part of it out."""
    link = root / path.lstrip("/")
    absent = f"/{inside.follow(root, path).relative_to(root)}" if link.is_symlink() else path
    owner = next((owner for place, owner in owners.items() if selection.matches(place, [absent])), "")
    if not owner:
        return f"{absent}, of the package {package}"
    return f"{absent}, of the package {owner}, which the profile leaves out{_by_what(profile, owner)}"


def _by_what(profile: Profile, package: str) -> str:
    if package not in profile.without_packages:
        return ", by its exclude"
    return f" ({profile.place('without_packages', package)})"


def check_libraries(profile: Profile, root: Path) -> None:
    """Raise one OsieError with the libraries that the profile's own files in the root lack."""
    own = {inside.plain(file.path): file.path for file in profile.files}
    lines = []
    for path, written in own.items():
        lines += [f"{profile.place('files', written)}: {one}" for one in _lacking(root, [path], brought=own)]
    if lines:
        raise OsieError(
            f"profile {profile.name}: programs lack libraries:" + "".join(f"\n    {line}" for line in lines),
            hint="the packages that have them belong into the profile's packages",
        )


def _lacking(root: Path, paths: Collection[str], *, brought: Collection[str]) -> Iterator[str]:
    """The ELF files of these, and of the libraries they are linked with, that lack any: and which.

    What comes with the profile (`brought`: paths) isn't lacking, wherever it is: its program will find it.
    """
    own = {path.rpartition("/")[2] for path in brought}
    waiting, seen = list(paths), set(paths)
    while waiting:
        path = waiting.pop(0)
        file = inside.follow(root, path)  # none where the path is a pattern
        wanted = elf.needs(file) if file.is_file() else None
        if wanted is None:
            continue
        found = elf.resolve(root, path.lstrip("/"), wanted)
        absent = [name for name, place in found.items() if place is None and name not in own]
        if wanted.interpreter and not _is_there(root, inside.plain(wanted.interpreter)):
            absent.append(wanted.interpreter)
        if absent:
            yield f"{path}: it needs {', '.join(absent)}"
        further = [f"/{place}" for place in found.values() if place and f"/{place}" not in seen]
        waiting += further
        seen.update(further)
