"""Debian's kernel: which modules a ramdisk gets, with what they depend on, unpacked and indexed anew."""

import lzma
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run
from osie.image.profile import Profile, module_classes, nearest

_MODULES = Path("usr/lib/modules")
_SUFFIX = ".ko.xz"
ROOT_CLASS = module_classes()["root"]  # what the outer initramfs loads
_UNREAD = (  # libkmod reads the .bin beside the first two; nobody asks for a module by symbol
    "modules.alias",
    "modules.builtin.modinfo",
    "modules.symbols",
    "modules.symbols.bin",
    "modules.order",
)


def canonical(name: str) -> str:
    """A module's name as the kernel compares it: `-` and `_` are the same."""
    return name.replace("-", "_")


@dataclass(frozen=True)
class Tree:
    """The modules of one kernel: paths below its folder, without suffix, and what each depends on."""

    folder: Path  # .../lib/modules/VERSION
    release: str
    dependencies: Mapping[str, tuple[str, ...]]  # in the order to load them in
    builtin: frozenset[str]  # canonical names of what the kernel has linked in

    @property
    def by_name(self) -> dict[str, str]:
        """Path by canonical name."""
        return {canonical(path.rpartition("/")[2]): path for path in self.dependencies}


def read(root: Path) -> Tree:
    """The only kernel below `root`; depmod works out what depends on what."""
    version = release(root)
    folder = root / _MODULES / version
    builtin = frozenset(
        canonical(Path(line).name.removesuffix(".ko"))
        for line in (folder / "modules.builtin").read_text().split()
    )
    return Tree(folder, version, _dependencies(root, version), builtin)


def release(root: Path) -> str:
    """The version of the only kernel below `root`, as `uname -r` gives it."""
    found = sorted(path.name for path in (root / _MODULES).glob("*"))
    if len(found) != 1:
        raise OsieError(f"{root / _MODULES}: expected the modules of one kernel, found {found or 'none'}")
    return found[0]


def _dependencies(root: Path, release: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for line in _depmod(root, release, "--dry-run").splitlines():  # prints every index, modules.dep first
        name, colon, rest = line.partition(":")
        if not colon or not name.endswith(_SUFFIX) or " " in name:
            continue
        # modules.dep lists the deepest dependency last (modules.dep(5)), and that is loaded first
        found[_stem(name)] = tuple(_stem(path) for path in reversed(rest.split()))
    if not found:
        raise OsieError(f"{root / _MODULES / release}: depmod found no modules")
    return found


def _depmod(root: Path, release: str, *options: str) -> str:
    """Run depmod on `root`/usr/lib/modules and return what it printed.

    Debian 12's depmod looks below lib/, a later one below usr/lib/; in this stage both are the same folder.
    """
    with tempfile.TemporaryDirectory(prefix="osie-depmod-") as stage:
        Path(stage, "usr").symlink_to(".")
        Path(stage, "lib").symlink_to((root / "usr/lib").resolve())
        return run(["depmod", *options, "--basedir", stage, release]).stdout


def _stem(path: str) -> str:
    return path.removesuffix(_SUFFIX).removeprefix("kernel/")


def select(tree: Tree, entries: Iterable[str]) -> list[str]:
    """The modules that the entries name, and all they depend on; each after what it depends on.

    An entry is a path pattern (with a slash) or a name; names that the kernel has built in need nothing.
    Raises OsieError naming every entry that fits no module.
    """
    by_name = tree.by_name
    chosen: dict[str, None] = {}
    unknown = []
    for entry in entries:
        if "/" in entry:
            matching = sorted(path for path in tree.dependencies if fnmatchcase(path, entry))
        else:
            matching = [by_name[canonical(entry)]] if canonical(entry) in by_name else []
        if not matching and not ("/" not in entry and canonical(entry) in tree.builtin):
            unknown.append(f"{entry}{nearest(canonical(entry), list(by_name))}")
        for path in matching:
            chosen.update(dict.fromkeys([*tree.dependencies[path], path]))
    if unknown:
        lines = "".join(f"\n    {line}" for line in unknown)
        raise OsieError(f"kernel {tree.release} has no such modules:{lines}")
    return list(chosen)


def entries_of(profile: Profile) -> list[str]:
    """What the profile asks for, classes spelled out; always with what the initramfs itself loads."""
    classes = module_classes()
    wanted = [entry for name in ("root", *profile.modules.classes) for entry in classes[name]]
    return [*wanted, *profile.modules.names]


def by_class(tree: Tree, profile: Profile) -> dict[str, str]:
    """The class of each module that the profile gets: the first that asks for it; "named" where none does."""
    modules = select(tree, entries_of(profile))
    found: dict[str, str] = {}
    for name in ("root", *profile.modules.classes):
        for path in select(tree, module_classes()[name]):
            found.setdefault(path, name)
    return {path: found.get(path, "named") for path in modules}


def unpack(tree: Tree, modules: Iterable[str], target: Path) -> None:
    """Put the modules, decompressed, and their indexes into `target`/usr/lib/modules/RELEASE.

    Decompressed, so that no module is unpacked twice over. That costs size: the default profile's modules
    take 18.9 MB of the squashed root (zstd 15), and 16.8 MB as Debian's .ko.xz. What it saves at boot isn't
    measured.
    """
    folder = target / _MODULES / tree.release
    for name in modules:
        compressed = tree.folder / "kernel" / f"{name}{_SUFFIX}"
        place = folder / "kernel" / f"{name}.ko"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(lzma.decompress(compressed.read_bytes()))
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(tree.folder / index, folder / index)
    _depmod(target, tree.release)
    for name in _UNREAD:
        (folder / name).unlink(missing_ok=True)
