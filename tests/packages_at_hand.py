"""A build cache of a test's own, with what the user's has downloaded: cold, but no downloads."""

import os
import shutil
from pathlib import Path

import osie
from osie.cli.workshop import build_cache
from osie.core import mirror, packages
from osie.core.debian import PackageSet
from osie.image.profile.profile import Profile
from osie.image.root import ipxe
from osie.image.root.packages import wanted
from osie.oci import extras, images, selection

_DOWNLOADED = ("deb-*", "package-lists-*", "package-names-*", "package-versions-*", ".lists-*")


def seed(target: Path, *profiles: Profile) -> Path:
    """Make `target` (a Cache's root) hold what is downloaded; hard links, where it can have them.

    What the profiles and the images need is downloaded to the user's cache before, where it isn't there.
    """
    cache = build_cache()
    wants = [recipe.packages for recipe in images.recipes(Path(osie.__file__).parent)]
    for one in (
        PackageSet(selection.PACKAGES),
        extras.package_set(wants),
        ipxe.wanted(),
        *map(wanted, profiles),
    ):
        packages.fetch(mirror.resolve(one, cache), cache)
    target.mkdir(parents=True, exist_ok=True)
    for pattern in _DOWNLOADED:
        for path in cache.root.glob(pattern):
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
