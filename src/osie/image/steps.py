"""The steps of a build, each cached under all that its result depends on."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import osie
from osie.contracts import artifacts
from osie.core import debian, imports
from osie.core.cache import Cache
from osie.core.files import sha256_of_file
from osie.image.artifacts import initramfs, parts, squash
from osie.image.embedded import docker_store, embedded, podman_store
from osie.image.embedded.embedded import StoredImage, Wanted
from osie.image.profile.profile import Profile
from osie.image.root import ipxe, kernel, packages, python, root, selection, tree

# Of our code, what makes folders of an image's layers.
_UNPACKS = ("archived.py", "embedded.py", "flattening.py", "layer_file.py", "layer_tar.py")
SOURCE = Path(osie.__file__).parent
_PROGRAM = "ramdisk"  # of ours, what the ramdisk runs
# Of a profile.
_NOT_IN_THE_ROOT = {"name", "description", "compression", "size_budget_bytes", "memory_min_mib"}
_NOT_IN_THE_ROOT |= {
    "kernel_parameters",
    "images",
    "firmware",
}  # firmware's packages are in the tree of packages
_INSIDE = "usr/lib/osie"
_TOP = "osie"
_TOP_WORKER = "osie-worker"
_TOP_IMAGES = "osie-images"


@dataclass(frozen=True)
class Steps:
    """One build's steps; each returns its result's place in the cache."""

    profile: Profile
    cache: Cache
    worker_image: Path  # a tar that Docker can load
    source: Path = SOURCE  # the folder of our Python package, which goes into the ramdisk
    images: Sequence[Wanted] = ()  # besides the worker's

    @cached_property
    def ipxe(self) -> Path:
        """The folder of Debian's iPXE binaries, of the profile's suite."""
        return ipxe.unpacked(ipxe.wanted(self.profile.suite, self.profile.mirror), self.cache)

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
        tree = packages.unpacked(packages.wanted(self.profile), self.cache)
        packages.check_kernel(self.profile, tree)
        return tree

    @cached_property
    def root(self) -> Path:
        """`tree`: the root without our Python and the worker; `digest`: of the tree; `modules.load`."""
        inputs = [
            self.packages.parent.name,
            self.profile.model_dump(exclude=_NOT_IN_THE_ROOT, mode="json"),
            [sha256_of_file(file.source) for file in self.profile.files if file.source],
            self.additions_by_name,
            _sources(
                "configuration.py", "elf.py", "inside.py", "kernel.py", "module_classes.toml", "python.py"
            ),
            _sources("required.py", "root.py", "selection.py", "tree.py"),
        ]

        def build(result: Path) -> None:
            root.build(self.profile, self.packages, result, links=self._links())

        return self.cache.read("root", inputs, build, _with_notes)

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
    def with_strangers(self) -> Path:
        """The squashed root, with the images that others made in it; where it has any, with `images.json`.

        They come before ours: they are large, and change less often.
        """
        base = self.squashed_root
        strangers = [image for image in self.images if not image.ref]
        if not strangers:
            return base

        def build(result: Path) -> None:
            stage = result / "stage"
            unpacker = embedded.Unpacker(stage / _TOP_IMAGES, f"/{_TOP_IMAGES}")
            images = [unpacker.add(image).json() for image in strangers]
            (result / "images.json").write_text(json.dumps(images))
            (stage / _TOP_IMAGES).chmod(0o755)
            os.utime(stage / _TOP_IMAGES, (int(debian.EPOCH), int(debian.EPOCH)))
            squash.extend_as_it_is(base, result / "image", stage)
            shutil.rmtree(stage)

        inputs = [
            base.parent.name,
            [(image.name.canonical, image.digest) for image in strangers],
            _sources("squash.py", *_UNPACKS),
        ]
        return self.cache.read("squash-images", inputs, build, _with_notes) / "image"

    @cached_property
    def with_worker(self) -> Path:
        """The squashed root, with all images in it as its engine stores them; `images.json` beside it has the
        folders of layers that aren't the worker's, and the name of the first image that has each.
        """
        base = self.with_strangers
        ours = [image for image in self.images if image.ref]

        def build(result: Path) -> None:
            stage = result / "stage"
            place = stage / _TOP_WORKER
            unpacker = embedded.Unpacker(place / "layers", f"/{_TOP_WORKER}/layers")
            worker = unpacker.add_worker(self.worker_image, artifacts.EMBEDDED_WORKER)
            others = [*_stored(base.parent), *(unpacker.add(image) for image in ours)]
            store = podman_store if self.profile.engine == "podman" else docker_store
            store.create([worker, *others], place / self.profile.engine)
            (result / "images.json").write_text(json.dumps(_owners(worker, others)))
            squash.extend(base, result / "image", stage)
            shutil.rmtree(stage)

        inputs = [
            base.parent.name,
            sha256_of_file(self.worker_image),
            [(image.name.canonical, image.digest) for image in ours],
            _sources("docker_store.py", "podman_store.py", *_UNPACKS),
        ]
        return self.cache.read("squash-worker", inputs, build, _with_notes) / "image"

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
            # beside the root's tree, so that its digest says nothing of them
            sha256_of_file(self.root / "busybox"),
            (self.root / "modules.load").read_text(),
            sha256_of_file(self.init),
            self.profile.memory_min_mib,
            _sources("initramfs.py", "cpio.py"),
        ]
        return self.cache.read("initramfs", inputs, build, _compared)

    @cached_property
    def parts(self) -> parts.Tree:
        """Where the bytes of kernel and initramfs go."""
        initramfs = self.initramfs
        classes = (self.root / "modules.json").read_text()

        def build(result: Path) -> None:
            tree = parts.attribute(
                kernel=self.kernel.stat().st_size,
                initramfs=initramfs.stat().st_size,
                squashed=self.complete,
                owners=selection.owners(self.packages),
                classes=json.loads(classes),
                images=json.loads((self.with_worker.parent / "images.json").read_text()),
            )
            (result / "parts.json").write_text(json.dumps(tree))

        inputs = [
            self.packages.parent.name,
            initramfs.parent.name,
            classes,
            _sources("parts.py", "squashfs.py"),
        ]

        def read(result: Path) -> parts.Tree:
            found: parts.Tree = json.loads((result / "parts.json").read_text())
            return found

        return self.cache.read("parts", inputs, build, read)


def _with_notes(result: Path) -> Path:
    """The result's folder. Raises ValueError where the disk has lost one of the notes in it."""
    for note in result.glob("*.json"):
        json.loads(note.read_text())
    if (digest := result / "digest").exists() and not digest.read_text():
        raise ValueError(f"{digest.name} is empty")
    return result


def _compared(result: Path) -> Path:
    """The initramfs in its result's folder. Raises ValueError where it isn't the one that was written."""
    built = result / "initramfs"
    if sha256_of_file(built) != (result / "sha256").read_text():
        raise ValueError("the initramfs isn't the one that was written")
    return built


def _stored(folder: Path) -> list[StoredImage]:
    """What `with_strangers` noted there."""
    noted = folder / "images.json"
    return [StoredImage.read(told) for told in json.loads(noted.read_text())] if noted.is_file() else []


def _owners(worker: StoredImage, others: Sequence[StoredImage]) -> dict[str, str]:
    """Where the layers of others than the worker are, and the name of the first image that has each."""
    found = {layer.files: image.names[0].familiar for image in reversed(others) for layer in image.layers}
    of_worker = {layer.files for layer in worker.layers}
    return {files.lstrip("/"): name for files, name in found.items() if files not in of_worker}


def _copy_python(source: Path, target: Path) -> None:
    for name in _ours(source):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place)


def _ours(source: Path) -> list[str]:
    """List the modules of ours that the ramdisk's program needs, relative to `source`."""
    own = [path.relative_to(source).as_posix() for path in (source / _PROGRAM).rglob("*.py")]
    return sorted(imports.closure(source, own))


def _sha256_of_ours(source: Path) -> list[tuple[str, str]]:
    return [(name, sha256_of_file(source / name)) for name in _ours(source)]


def _sources(*names: str) -> list[str]:
    """The code that makes a result is an input of it too."""
    return [_CODE[name] for name in names]


# As it was loaded: a file that is edited while we run must not pass for what we do.
_CODE = {
    path.name: sha256_of_file(path)
    for path in Path(__file__).parent.rglob("*.*")
    if path.suffix in {".py", ".toml"}
}
