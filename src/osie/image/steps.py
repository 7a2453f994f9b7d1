"""The steps of a build, each cached under all that its result depends on."""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import osie
from osie.core import debian
from osie.core.cache import Cache
from osie.core.files import sha256_of_file, sha256_of_tree
from osie.image import (
    docker_store,
    embedded,
    initramfs,
    kernel,
    packages,
    parts,
    podman_store,
    python,
    root,
    selection,
    squash,
    tree,
)
from osie.image.profile import Profile

SOURCE = Path(osie.__file__).parent
# What the ramdisk's Python gets of ours; the protobuf modules need a library that it doesn't have.
_OURS = ("contracts", "core", "ramdisk")
_NOT_OURS = shutil.ignore_patterns("*_pb2.py", "*_pb2.pyi", "__pycache__", "root", "initramfs")
# Of a profile.
_NOT_IN_THE_ROOT = {"name", "description", "compression", "size_budget_bytes", "memory_min_mib"}
_NOT_IN_THE_ROOT |= {"kernel_parameters"}
_INSIDE = "usr/lib/osie"
_TOP = "osie"
_TOP_WORKER = "osie-worker"


@dataclass(frozen=True)
class Steps:
    """One build's steps; each returns its result's place in the cache."""

    profile: Profile
    cache: Cache
    worker_image: Path  # a tar that Docker can load
    source: Path = SOURCE  # the folder of our Python package, which goes into the ramdisk

    @property
    def init(self) -> Path:
        """The outer initramfs's /init."""
        return self.source / "ramdisk/initramfs/init"

    @property
    def additions(self) -> Path:
        """The folder of what the ramdisk puts over the root as it is."""
        return self.source / "ramdisk/root"

    @property
    def additions_by_name(self) -> list[str]:
        """The files in it, relative to it."""
        found = (path for path in self.additions.rglob("*") if path.is_file() or path.is_symlink())
        return sorted(str(path.relative_to(self.additions)) for path in found)

    @cached_property
    def packages(self) -> Path:
        """The packages, unpacked, with dpkg's database; only documentation is left out already."""
        return packages.unpacked(packages.wanted(self.profile), self.cache)

    @cached_property
    def root(self) -> Path:
        """`tree`: the root without our Python and the worker; `digest`: of the tree; `modules.load`."""
        inputs = [
            self.packages.parent.name,
            self.profile.model_dump(exclude=_NOT_IN_THE_ROOT, mode="json"),
            [sha256_of_file(file.source) for file in self.profile.files if file.source],
            self.additions_by_name,
            _sources(
                "configuration.py", "elf.py", "kernel.py", "module_classes.toml", "python.py", "root.py"
            ),
            _sources("selection.py", "tree.py"),
        ]

        def build(result: Path) -> None:
            root.build(self.profile, self.packages, result, links=self._links())

        return self.cache.get("root", inputs, build)

    def _links(self) -> dict[str, str]:
        """From where they belong to what changes more often, and is added at the top: see squash.extend."""
        return {
            f"{_INSIDE}/python": f"/{_TOP}/python",
            f"{_INSIDE}/{self.profile.engine}": f"/{_TOP_WORKER}/{self.profile.engine}",
            **{name: f"/{_TOP}/root/{name}" for name in self.additions_by_name},
        }

    @cached_property
    def squashed_root(self) -> Path:
        """The root as one file, without our Python and the worker."""
        inputs = [(self.root / "digest").read_text(), _sources("squash.py"), self.profile.compression]

        def build(result: Path) -> None:
            squash.create(result / "image", self.root / "tree", self.profile.compression)

        return self.cache.get("squash", inputs, build) / "image"

    @cached_property
    def with_worker(self) -> Path:
        """The squashed root, with the worker's image in it as its engine stores it."""
        base = self.squashed_root

        def build(result: Path) -> None:
            stage = result / "stage"
            place = stage / _TOP_WORKER
            image = embedded.unpack(self.worker_image, place / "layers", inside=f"/{_TOP_WORKER}/layers")
            store = podman_store if self.profile.engine == "podman" else docker_store
            store.create(image, place / self.profile.engine)
            squash.extend(base, result / "image", stage)
            shutil.rmtree(stage)

        inputs = [
            base.parent.name,
            sha256_of_file(self.worker_image),
            _sources("embedded.py", "docker_store.py", "podman_store.py"),
        ]
        return self.cache.get("squash-worker", inputs, build) / "image"

    @cached_property
    def complete(self) -> Path:
        """The squashed root, with the worker's image, our Python and the ramdisk's own files in it."""
        base = self.with_worker

        def build(result: Path) -> None:
            stage = result / "stage"
            ours = stage / _TOP / "python"
            ours.mkdir(parents=True)
            _copy_python(self.source, ours / "osie")
            python.compile_all(self.root / "tree", ours, inside=f"/{_INSIDE}/python")
            shutil.copytree(self.additions, stage / _TOP / "root", symlinks=True)
            squash.extend(base, result / "image", stage)
            shutil.rmtree(stage)

        inputs = [base.parent.name, _sha256_of_ours(self.source), tree.digest(self.additions)]
        return self.cache.get("squash-ours", inputs, build) / "image"

    @cached_property
    def kernel(self) -> Path:
        """Debian's kernel, as it is."""
        (image,) = (self.packages / "boot").glob("vmlinuz-*")
        return image

    @cached_property
    def initramfs(self) -> Path:
        """The outer initramfs, with everything in it."""
        squashed = self.complete
        tree_of_root = self.root / "tree"
        folder = tree_of_root / "usr/lib/modules" / kernel.release(tree_of_root) / "kernel"
        modules = [folder / f"{name}.ko" for name in (self.root / "modules.load").read_text().split()]

        def build(result: Path) -> None:
            members = initramfs.entries(
                init=self.init,
                busybox=self.root / "busybox",
                modules=modules,
                memory_min_mib=self.profile.memory_min_mib,
            )
            initramfs.write(result / "initramfs", members, squashed=squashed, mtime=int(debian.EPOCH))
            (result / "sha256").write_text(sha256_of_file(result / "initramfs"))

        inputs = [
            squashed.parent.name,
            sha256_of_file(self.init),
            self.profile.memory_min_mib,
            _sources("initramfs.py", "cpio.py"),
        ]
        return self.cache.get("initramfs", inputs, build) / "initramfs"

    @cached_property
    def parts(self) -> parts.Tree:
        """Where the bytes of kernel and initramfs go."""
        initramfs = self.initramfs

        def build(result: Path) -> None:
            tree = parts.attribute(
                kernel=self.kernel.stat().st_size,
                initramfs=initramfs.stat().st_size,
                squashed=self.complete,
                owners=selection.owners(self.packages),
                classes=json.loads((self.root / "modules.json").read_text()),
            )
            (result / "parts.json").write_text(json.dumps(tree))

        inputs = [self.packages.parent.name, initramfs.parent.name, _sources("parts.py", "squashfs.py")]
        found: parts.Tree = json.loads((self.cache.get("parts", inputs, build) / "parts.json").read_text())
        return found


def _copy_python(source: Path, target: Path) -> None:
    target.mkdir()
    shutil.copyfile(source / "__init__.py", target / "__init__.py")
    for name in _OURS:
        shutil.copytree(source / name, target / name, ignore=_NOT_OURS)


def _sha256_of_ours(source: Path) -> list[str]:
    return [sha256_of_file(source / "__init__.py")] + [
        sha256_of_tree(source / name, suffixes=(".py", ".json", ".toml")) for name in _OURS
    ]


def _sources(*names: str) -> list[str]:
    """The code that makes a result is an input of it too."""
    return [_CODE[name] for name in names]


# As it was loaded: a file that is edited while we run must not pass for what we do.
_CODE = {path.name: sha256_of_file(path) for path in Path(__file__).parent.iterdir() if path.is_file()}
