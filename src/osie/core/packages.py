"""Debian packages, unpacked side by side into one tree: no maintainer script runs."""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from osie.core import mirror
from osie.core.cache import Cache, Silent, disk_is_full
from osie.core.debian import PackageSet
from osie.core.errors import OsieError
from osie.core.host_tools import APT_HELPER
from osie.core.mirror import Package
from osie.core.patience import Patience
from osie.core.process import ProcessError, run

_DOWNLOADS = 4  # at once
_FORM = 1  # of the tree; to be counted up when `_unpack` does something else


def unpacked(wanted: PackageSet, cache: Cache, *, step: str, exclude: Sequence[str] = ()) -> Path:
    """The tree with the packages and what they depend on, as a result of `step`.

    `exclude` are path patterns (with a leading slash) that are left out. dpkg's database is in the tree: what
    there is (var/lib/dpkg/status), and which files belong to it (var/lib/dpkg/info/NAME.list).
    """

    def build(folder: Path) -> None:
        _unpack(fetch(packages, cache), folder / "tree", exclude)

    packages = mirror.resolve(wanted, cache)
    inputs = [[(one.name, one.version, one.sha256) for one in packages], sorted(exclude), _FORM]
    return cache.get(step, inputs, build) / "tree"


def fetch(packages: Sequence[Package], cache: Cache) -> dict[Package, Path]:
    """The packages' files, downloaded where the cache lacks them, and checked by their digests."""
    quiet = replace(cache, progress=Silent())

    def one(package: Package) -> Path:
        return quiet.get("deb", [package.sha256], lambda folder: _download(package, folder)) / "package.deb"

    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        return dict(zip(packages, pool.map(one, packages), strict=True))


def _download(package: Package, folder: Path) -> None:
    file = folder / "package.deb"
    # What apt fetches everything with; it goes through the host's proxy, and checks the digest.
    helper = APT_HELPER.path
    options = [f"-o{name}={value}" for name, value in Patience().options.items()]
    try:
        run([helper, *options, "download-file", package.url, file, f"SHA256:{package.sha256}"])
    except ProcessError as error:
        if disk_is_full(error):
            raise
        said = (error.completed.stderr if error.completed else str(error)).strip().splitlines() or ["?"]
        raise OsieError(
            f"{package.name} {package.version} can't be downloaded: {said[-1]}",
            hint="is the network up? If the mirror has a newer version: `osie build --refresh`",
        ) from None


def _unpack(files: dict[Package, Path], tree: Path, exclude: Sequence[str]) -> None:
    database = tree / "var/lib/dpkg"
    (database / "info").mkdir(parents=True)

    def one(package: Package) -> None:
        listed = run(["dpkg-deb", "--vextract", files[package], tree]).stdout
        (database / f"info/{package.name}.list").write_text(listed)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(one, sorted(files, key=lambda package: -package.size)):  # the longest first
            continue
    (database / "status").write_text("".join(_stanza(package) for package in files))
    for pattern in exclude:
        for path in sorted(tree.glob(pattern.lstrip("/"))):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _stanza(package: Package) -> str:
    return f"Package: {package.name}\nVersion: {package.version}\nStatus: install ok unpacked\n\n"
