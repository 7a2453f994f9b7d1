"""Layers of Debian packages between the base and our code, for images that need more than the base has.

An action's `image.toml` says what: a table `packages` from a package's name to the pattern of the files
wanted of it ("*": all but its documents). What the same set of images wants is one layer, so an engine has
every file once, and pulls it once. The libraries that its programs and modules load come along, where the
base lacks them.
"""

import shutil
import tomllib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from osie.core import packages
from osie.core.cache import Cache
from osie.core.debian import PackageSet
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.oci import layer, selection
from osie.oci.base import UNPACKED_WITHOUT, Base, copy, is_elf, recipe
from osie.oci.interpreter import Interpreter
from osie.oci.layer import Layer

FILE = "image.toml"
_WITHOUT = (
    "usr/share/*",
    "etc/*",
    "usr/lib/systemd/*",
    "*.pyi",
    "*/py.typed",
    "*.dist-info/*",
    "*.egg-info/*",
)
_DIST = "usr/lib/python3/dist-packages"

Wanted = frozenset[tuple[str, str]]  # a package, and the pattern of the files wanted of it


def read(folder: Path) -> Wanted:
    """What the image of the action in `folder` wants. Raises OsieError."""
    path = folder / FILE
    if not path.is_file():
        return frozenset()
    try:
        found = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise OsieError(f"{path}: not TOML: {error}") from error
    table = found.pop("packages", {})
    if (
        found
        or not isinstance(table, dict)
        or not all(isinstance(pattern, str) for pattern in table.values())
    ):
        raise OsieError(f"{path}: expected one table, packages, of names and patterns")
    return frozenset(table.items())


def grouped(wants: Mapping[str, Wanted]) -> dict[Wanted, frozenset[str]]:
    """What each image wants, as the fewest layers that share all: a layer's packages, and who wants them."""
    images: dict[tuple[str, str], set[str]] = {}
    for image, wanted in wants.items():
        for one in wanted:
            images.setdefault(one, set()).add(image)
    groups: dict[frozenset[str], set[tuple[str, str]]] = {}
    for one, who in images.items():
        groups.setdefault(frozenset(who), set()).add(one)
    return {frozenset(wanted): who for who, wanted in groups.items()}


def package_set(wants: Iterable[Wanted], *, mirror: str = "") -> PackageSet:
    """What has to be unpacked: the base's packages too, since libraries are looked for among all."""
    names = {name for wanted in wants for name, _ in wanted}
    return PackageSet((*selection.PACKAGES, *sorted(names)), mirror=mirror)


def build(
    wants: Mapping[str, Wanted], foundation: Base, cache: Cache, *, mirror: str = ""
) -> dict[str, list[Layer]]:
    """Each image's layers, the one that most images share first."""
    found: dict[str, list[Layer]] = {image: [] for image in wants}
    groups = grouped(wants)
    if not groups:
        return found
    everything = package_set(wants.values(), mirror=mirror)
    unpacked = packages.unpacked(everything, cache, step="oci-packages-extra", exclude=UNPACKED_WITHOUT)
    for wanted in sorted(groups, key=lambda group: (-len(groups[group]), sorted(group))):
        built = _layer(wanted, unpacked, foundation, cache)
        for image in groups[wanted]:
            found[image].append(built)
    return found


def _layer(wanted: Wanted, unpacked: Path, foundation: Base, cache: Cache) -> Layer:
    def pack(folder: Path) -> None:
        tree = folder / "tree"
        for name, pattern in sorted(wanted):
            select(unpacked, name, pattern, tree)
        _add_libraries(tree, unpacked, foundation.root)
        if (tree / _DIST).is_dir():
            Interpreter(foundation.root).compile(tree / _DIST, strip=tree, beside=True)
            for source in tree.rglob("*.py"):
                source.unlink()
        layer.write(tree, folder)
        shutil.rmtree(tree)

    inputs = [unpacked.parent.name, sorted(wanted), foundation.layer.diff_id, recipe(), _CODE]
    return cache.read("oci-extra", inputs, pack, Layer.read)


def select(unpacked: Path, name: str, pattern: str, tree: Path) -> None:
    """Copy to `tree` what is wanted of a package, by dpkg's list of it. Raises OsieError."""
    listed = unpacked / f"var/lib/dpkg/info/{name}.list"
    if not listed.is_file():
        raise OsieError(f"{name} is not among the unpacked packages", hint=f"is it real? {FILE} names it")
    found = 0
    for line in listed.read_text().splitlines():
        path = line.removeprefix("./").lstrip("/")
        source = unpacked / path
        if not fnmatchcase(path, pattern) or any(fnmatchcase(path, out) for out in _WITHOUT):
            continue
        if source.is_symlink() or source.is_file():
            copy(source, tree / path)
            found += 1
    if not found:
        raise OsieError(f"{name} has no file {pattern}", hint=f"{FILE} says which files of it are wanted")


def _add_libraries(tree: Path, unpacked: Path, base: Path) -> None:
    """Add the shared libraries that the tree's files need, and the base hasn't."""
    unpacked = unpacked.resolve()
    interpreter = Interpreter(unpacked)
    needed: set[Path] = set()
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink() and is_elf(path):
            needed |= interpreter.libraries_of(path)
    for library in sorted(needed):
        for path in {library, library.resolve()}:  # the name that programs ask for, and the file it leads to
            name = path.relative_to(unpacked)
            if not (base / name).exists():
                copy(path, tree / name)


_CODE = sha256_of_file(Path(__file__))  # as it was loaded
