"""A profile's packages: which they are, and what only Debian can tell about the names in a profile."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from osie.core import mirror, packages
from osie.core.cache import Cache
from osie.core.debian import PackageSet
from osie.core.errors import OsieError
from osie.image.profile.classes import firmware_classes, module_classes
from osie.image.profile.findings import nearest
from osie.image.profile.profile import Profile

_EXCLUDE = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def wanted(profile: Profile) -> PackageSet:
    """What to ask the mirror for."""
    return PackageSet(
        packages=(*profile.packages, *profile.firmware.all_packages),
        suite=profile.suite,
        mirror=profile.mirror,
    )


def unpacked(wanted: PackageSet, cache: Cache) -> Path:
    """The tree of the packages, with dpkg's database; only documentation is left out already."""
    return packages.unpacked(wanted, cache, step="packages", exclude=_EXCLUDE)


def check_kernel(profile: Profile, tree: Path) -> None:
    """Raise an OsieError where the unpacked packages have no kernel, or several."""
    found = sorted(path.name.removeprefix("vmlinuz-") for path in (tree / "boot").glob("vmlinuz-*"))
    if len(found) != 1:
        asked = [name for name in profile.packages if name.startswith("linux-image-")]
        lines = [f"{profile.place('packages', name)}: {name}" for name in asked]
        raise OsieError(
            f"profile {profile.name}: a ramdisk has one kernel, its packages bring"
            f" {len(found) or 'none'}{': ' if found else ''}{', '.join(found)}"
            + "".join(f"\n    {line}" for line in lines),
            hint="have exactly one linux-image package in the profile and in what it extends",
        )


def wrong(profile: Profile, cache: Cache) -> list[str]:
    """Every package and module that there isn't: where it is named, and the nearest there is."""
    asked = wanted(profile)
    known = mirror.names(asked, cache)
    errors = list(_unknown_packages(profile, known))
    if profile.modules.names:
        kernels = {name for name in asked.packages if name.startswith("linux-image-")}
        enough = replace(asked, packages=tuple(kernels & known)) if errors else asked
        tree = unpacked(enough, cache)
        errors += _unknown_modules(profile, tree)
    return errors


def _unknown_packages(profile: Profile, known: frozenset[str]) -> Iterator[str]:
    lists = {"packages": profile.packages, "without_packages": profile.without_packages}
    for key, names in {**lists, "firmware.packages": profile.firmware.packages}.items():
        for name in names:
            if name not in known:
                close = nearest(name, sorted(known))
                yield f"{profile.place(key, name)}: {profile.suite} has no package {name!r}{close}"
    for each in profile.firmware.classes:
        for name in firmware_classes()[each]:
            if name not in known:
                place = profile.place("firmware.classes", each)
                yield f"{place}: {profile.suite} has no package {name!r}, which is in the class {each!r}"


def _unknown_modules(profile: Profile, tree: Path) -> Iterator[str]:
    known = set(_module_names(tree))
    for name in profile.modules.names:
        if (plain := name.replace("-", "_")) not in known:
            close = nearest(plain, sorted(known | module_classes().keys()))
            yield f"{profile.place('modules.names', name)}: the kernel has no module {name!r}{close}"


def _module_names(tree: Path) -> Iterable[str]:
    """Loadable ones and those that are built in, as the kernel writes them: with `_`."""
    for path in tree.glob("usr/lib/modules/*/kernel/**/*.ko*"):
        yield path.name.partition(".ko")[0].replace("-", "_")
    for index in tree.glob("usr/lib/modules/*/modules.builtin"):
        for line in index.read_text().split():
            yield Path(line).name.removesuffix(".ko").replace("-", "_")
