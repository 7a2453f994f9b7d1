"""Where the bytes of the artifacts go: a tree by part, whose leaves sum up to the artifacts' size exactly.

Inside the squashed root nothing is estimated but the fragments: see squashfs.py. What no file takes (the
tables of names and inodes, padding) is a leaf of its own.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from osie.image.artifacts import squashfs

Tree: TypeAlias = "dict[str, int | Tree]"  # bytes by name, or a part's own parts

_ENGINE = {"conmon", "containerd", "crun", "docker.io", "golang-github-containers-common", "iptables"}
_ENGINE |= {"golang-github-containers-image", "netavark", "podman"}
_PYTHON = ("python3", "libpython3")
_MODULES = "usr/lib/modules/"
_IMAGES = ("osie-worker/", "osie-images/")
_FIRMWARE = "usr/lib/firmware/"


def attribute(
    *,
    kernel: int,
    initramfs: int,
    squashed: Path,
    owners: Mapping[str, str],
    classes: Mapping[str, str],
    images: Mapping[str, str],
) -> Tree:
    """The parts: `kernel` and `initramfs` are sizes of the artifacts, `squashed` is the root in the latter.

    `owners` are packages by path (with a leading slash), `classes` the modules' by path below kernel/ without
    suffix, `images` the names of images by the folders of their layers. Bytes are those of the artifacts,
    hence compressed.
    """
    files = squashfs.Reader(squashed).sizes()
    found: Tree = {"kernel": kernel}
    for path, size in files.items():
        _add(found, _part(path, owners, classes, images), int(size))
    whole = squashed.stat().st_size
    _add(found, ["other", "file system's tables"], whole - (total(found) - kernel))
    _add(found, ["initramfs"], initramfs - whole)  # what mounts the root
    return _sorted(found)


def total(tree: Tree) -> int:
    """Bytes of all leaves."""
    return sum(part if isinstance(part, int) else total(part) for part in tree.values())


def flat(tree: Tree) -> dict[str, int]:
    """Bytes of the parts at the top, the largest first."""
    sizes = {name: part if isinstance(part, int) else total(part) for name, part in tree.items()}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _part(
    path: str, owners: Mapping[str, str], classes: Mapping[str, str], images: Mapping[str, str]
) -> list[str]:
    """The names of the part that the file belongs to, from the top."""
    if path.startswith(_IMAGES):
        layer = next((folder for folder in images if path.startswith(f"{folder}/")), "")
        return ["images", images[layer]] if layer else ["worker"]
    if path.startswith("osie/"):
        return ["ours"]
    if path.startswith(_MODULES):
        _, _, name = path.removeprefix(_MODULES).partition("/kernel/")
        return ["modules", classes.get(name.removesuffix(".ko"), "indexes")]
    source = path.removesuffix(".pyc") + ".py" if path.endswith(".pyc") else path
    package = owners.get(f"/{source}", "made by the build")
    if path.startswith(_FIRMWARE):
        return ["firmware", package]
    if package in _ENGINE:
        return ["engine", package]
    return ["python" if package.startswith(_PYTHON) else "other", package]


def _add(tree: Tree, names: Iterable[str], size: int) -> None:
    *above, last = names
    for name in above:
        below = tree.setdefault(name, {})
        assert isinstance(below, dict)  # noqa: S101 - a name is a part or a leaf, never both
        tree = below
    before = tree.get(last, 0)
    assert isinstance(before, int)  # noqa: S101 - as above
    tree[last] = before + size


def _sorted(tree: Tree) -> Tree:
    """The largest first; equal ones by name, so that the manifest is the same each time."""
    ordered: Tree = {}
    for name, _ in sorted(flat(tree).items(), key=lambda item: (-item[1], item[0])):
        part = tree[name]
        ordered[name] = part if isinstance(part, int) else _sorted(part)
    return ordered
