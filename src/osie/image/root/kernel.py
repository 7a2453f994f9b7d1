"""Debian's kernel: which modules a ramdisk gets, with what they depend on, unpacked and indexed anew."""

import lzma
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run
from osie.image.profile.classes import module_classes
from osie.image.profile.findings import nearest
from osie.image.profile.profile import Profile

_MODULES = Path("usr/lib/modules")
_SUFFIX = ".ko.xz"
_DEPENDS = re.compile(rb"(?<![\w.])depends=([^\0]*)\0")
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


class _Dependencies(Mapping[str, tuple[str, ...]]):
    """What modules depend on, as each one itself says it: read when somebody asks.

    depmod would have to unpack all of them, which took two thirds of the time that making a root takes.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {_stem(str(path.relative_to(folder))): path for path in folder.rglob(f"*{_SUFFIX}")}
        self._by_name = {canonical(path.rpartition("/")[2]): path for path in self._files}
        self._known: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, module: str) -> tuple[str, ...]:
        if module not in self._known:
            direct = [self._by_name[canonical(name)] for name in _depends(self._files[module])]
            self._known[module] = tuple(dict.fromkeys(path for one in direct for path in (*self[one], one)))
        return self._known[module]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _depends(file: Path) -> list[str]:
    """The modules that this one needs directly: `depends=a,b` in its .modinfo, as modinfo(8) prints it."""
    found = _DEPENDS.search(lzma.decompress(file.read_bytes()))
    if found is None:
        raise OsieError(f"{file}: it doesn't say which modules it depends on")
    return [name for name in found[1].decode().split(",") if name]


def read(root: Path) -> Tree:
    """The only kernel below `root`."""
    version = release(root)
    folder = root / _MODULES / version
    builtin = frozenset(
        canonical(Path(line).name.removesuffix(".ko"))
        for line in (folder / "modules.builtin").read_text().split()
    )
    dependencies = _Dependencies(folder)
    if not dependencies:
        raise OsieError(f"{folder}: no modules")
    return Tree(folder, version, dependencies, builtin)


def release(root: Path) -> str:
    """The version of the only kernel below `root`, as `uname -r` gives it."""
    found = sorted(path.name for path in (root / _MODULES).glob("*"))
    if len(found) != 1:
        raise OsieError(f"{root / _MODULES}: expected the modules of one kernel, found {found or 'none'}")
    return found[0]


def _index(root: Path, release: str) -> None:
    """Run depmod on `root`/usr/lib/modules.

    Debian 12's depmod looks below lib/, a later one below usr/lib/; in this stage both are the same folder.
    """
    with tempfile.TemporaryDirectory(prefix="osie-depmod-") as stage:
        Path(stage, "usr").symlink_to(".")
        Path(stage, "lib").symlink_to((root / "usr/lib").resolve())
        run(["depmod", "--basedir", stage, release])


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

    Decompressed, so that no module is unpacked twice over. What that costs in bytes is in
    docs/explanation/size.md. Not stripped: Debian's signature at the end of each must stay valid.
    """
    folder = target / _MODULES / tree.release
    for name in modules:
        compressed = tree.folder / "kernel" / f"{name}{_SUFFIX}"
        place = folder / "kernel" / f"{name}.ko"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(lzma.decompress(compressed.read_bytes()))
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(tree.folder / index, folder / index)
    _index(target, tree.release)
    for name in _UNREAD:
        (folder / name).unlink(missing_ok=True)
