"""The steps of a build, each cached under all that its result depends on."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import osie
from osie.core import debian
from osie.core.cache import Cache
from osie.core.files import sha256_of_file, sha256_of_tree
from osie.core.process import run
from osie.image import configuration, initramfs, kernel, python, selection, squash, tree
from osie.image.profile import Profile

SOURCE = Path(osie.__file__).parent
# What the ramdisk's Python gets of ours; the protobuf modules need a library that it doesn't have.
_OURS = ("contracts", "core", "ramdisk")
_NOT_OURS = shutil.ignore_patterns("*_pb2.py", "*_pb2.pyi", "__pycache__", "root", "initramfs")
_INSIDE = "/usr/lib/osie"
_FIRMWARE = Path("usr/lib/firmware")


@dataclass(frozen=True)
class Steps:
    """One build's steps; each returns its result's place in the cache."""

    profile: Profile
    cache: Cache
    source: Path = SOURCE  # the folder of our Python package, which goes into the ramdisk

    @property
    def init(self) -> Path:
        """The outer initramfs's /init."""
        return self.source / "ramdisk/initramfs/init"

    @property
    def additions(self) -> Path:
        """What is copied over the root as it is."""
        return self.source / "ramdisk/root"

    def packages(self) -> Path:
        """The packages, unpacked, with dpkg's database; only documentation is left out already."""
        components = ("main", "non-free-firmware") if self.profile.firmware else ("main",)
        wanted = debian.PackageSet(
            packages=(*self.profile.packages, *self.profile.firmware),
            suite=self.profile.suite,
            mirror=self.profile.mirror,
            components=components,
        )
        exclude = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"]

        def build(result: Path) -> None:
            debian.unpack(wanted, result / "tree", exclude=exclude, hooks=[debian.DATABASE_HOOK])

        return self.cache.get("packages", [wanted.inputs(), exclude, debian.DATABASE_HOOK], build) / "tree"

    def root(self) -> Path:
        """`tree`: the root without our Python and the worker; `digest`: of the tree; `modules.load`."""
        packages = self.packages()
        inputs = [
            packages.parent.name,
            self.profile.model_dump(exclude={"name", "size_budget_bytes", "kernel_parameters"}, mode="json"),
            [sha256_of_file(file.source) for file in self.profile.files if file.source],
            tree.digest(self.additions),
            _sources("configuration", "elf", "kernel", "python", "selection", "steps", "tree"),
            _sha256_of_classes(),
        ]
        return self.cache.get("root", inputs, lambda result: self._build_root(packages, result))

    def _build_root(self, packages: Path, result: Path) -> None:
        root = result / "tree"
        root.mkdir()
        selection.copy(packages, root, without=self.profile.without_packages, exclude=self.profile.exclude)
        configuration.configure(root)
        modules = kernel.read(packages)
        chosen = kernel.select(modules, kernel.entries_of(self.profile))
        kernel.unpack(modules, chosen, root)
        _copy_firmware(packages, root)
        (result / "modules.load").write_text("\n".join(kernel.select(modules, kernel.ROOT_CLASS)))
        selection.drop_unneeded_libraries(root)
        (library,) = (root / "usr/lib").glob("python3.*")
        python.compile_all(root, library, inside=f"/usr/lib/{library.name}", sourceless=True)
        shutil.copytree(self.additions, root, symlinks=True, dirs_exist_ok=True)
        self._add_files(root)
        osie_folder = root / _INSIDE.lstrip("/")
        osie_folder.mkdir(exist_ok=True)
        # What changes more often than the rest is added to the squashed root at its top: see squash.extend.
        (osie_folder / "python").symlink_to("/osie.python")
        (osie_folder / "worker.tar").symlink_to("/osie.worker/worker.tar")
        (result / "digest").write_text(tree.digest(root))

    def _add_files(self, root: Path) -> None:
        for file in self.profile.files:
            place = root / file.path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            place.write_bytes(file.data())
            place.chmod(int(file.mode, 8))

    def squashed_root(self) -> Path:
        """The root as one file, without our Python and the worker."""
        root = self.root()
        inputs = [(root / "digest").read_text(), _sources("squash"), squash.COMPRESSION]
        return (
            self.cache.get("squash", inputs, lambda result: squash.create(result / "image", root / "tree"))
            / "image"
        )

    def with_worker(self, worker_image: Path) -> Path:
        """The squashed root, with the worker's image in it."""
        base = self.squashed_root()

        def build(result: Path) -> None:
            stage = result / "stage"
            (stage / "osie.worker").mkdir(parents=True)
            shutil.copyfile(worker_image, stage / "osie.worker/worker.tar")
            squash.extend(base, result / "image", stage)
            shutil.rmtree(stage)

        inputs = [base.parent.name, sha256_of_file(worker_image)]
        return self.cache.get("squash-worker", inputs, build) / "image"

    def complete(self, worker_image: Path) -> Path:
        """The squashed root, with the worker's image and our Python in it."""
        base = self.with_worker(worker_image)
        root = self.root() / "tree"

        def build(result: Path) -> None:
            stage = result / "stage"
            ours = stage / "osie.python"
            ours.mkdir(parents=True)
            _copy_python(self.source, ours / "osie")
            python.compile_all(root, ours, inside=f"{_INSIDE}/python")
            squash.extend(base, result / "image", stage)
            shutil.rmtree(stage)

        inputs = [base.parent.name, _sha256_of_ours(self.source), _sources("python")]
        return self.cache.get("squash-python", inputs, build) / "image"

    def kernel(self) -> Path:
        """Debian's kernel, as it is."""
        (image,) = (self.packages() / "boot").glob("vmlinuz-*")
        return image

    def initramfs(self, worker_image: Path) -> Path:
        """The outer initramfs, with everything in it."""
        squashed = self.complete(worker_image)
        root = self.root()
        release = kernel.release(root / "tree")
        folder = root / "tree/usr/lib/modules" / release / "kernel"
        modules = [folder / f"{name}.ko" for name in (root / "modules.load").read_text().split()]

        def build(result: Path) -> None:
            members = initramfs.entries(
                init=self.init, busybox=root / "tree/usr/bin/busybox", modules=modules, squashed=squashed
            )
            initramfs.write(result / "initramfs", members, mtime=int(debian.EPOCH))
            (result / "sha256").write_text(sha256_of_file(result / "initramfs"))

        inputs = [squashed.parent.name, sha256_of_file(self.init), _sources("initramfs", "cpio")]
        return self.cache.get("initramfs", inputs, build) / "initramfs"


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
    return [sha256_of_file(Path(__file__).with_name(f"{name}.py")) for name in names]


def _sha256_of_classes() -> str:
    return sha256_of_file(Path(__file__).with_name("module_classes.toml"))


def _copy_firmware(packages: Path, root: Path) -> None:
    """Of the firmware packages, what the chosen modules ask for."""
    if not (packages / _FIRMWARE).is_dir():
        return
    modules = sorted((root / "usr/lib/modules").rglob("*.ko"))
    for name in sorted(set(run(["modinfo", "-F", "firmware", *modules]).stdout.split())):
        source = packages / _FIRMWARE / name
        if source.is_file():
            (root / _FIRMWARE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / _FIRMWARE / name)
