"""What the build commands share: where the cache is, how large it may be, and what is built from what."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from osie.contracts.artifacts import EMBEDDED_WORKER
from osie.core import mirror
from osie.core.cache import BuildProgress, Cache, Silent
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.image import build as image_build
from osie.image import check
from osie.image.artifacts.manifest import Manifest
from osie.image.embedded.embedded import Wanted
from osie.image.profile import archives
from osie.image.profile import profile as image_profile
from osie.image.profile.profile import Profile
from osie.image.root import packages
from osie.lab import os_image
from osie.oci import archive, images
from osie.oci.images import BuiltImage

WORKER_REF = "tink-worker:latest"
PROFILES = Path(__file__).resolve().parents[3] / "profiles"
DEFAULT_LIMIT = "6GB"  # three profiles with their packages, the lab's OS, and as much again of older results
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)B?", re.IGNORECASE)


def cache_root() -> Path:
    """Where builds are kept: $OSIE_CACHE, else the user's cache folder (XDG base directory specification)."""
    if given := os.environ.get("OSIE_CACHE"):
        return Path(given).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "osie"


def cache_limit() -> int:
    """How many bytes of results a build leaves: $OSIE_CACHE_MAX, such as 4GB, else DEFAULT_LIMIT."""
    try:
        return bytes_of(os.environ.get("OSIE_CACHE_MAX") or DEFAULT_LIMIT)
    except ValueError as error:
        raise OsieError(f"OSIE_CACHE_MAX: {error}") from None


def bytes_of(size: str) -> int:
    """`500MB`, `4G`, a number of bytes: units are powers of ten."""
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ValueError(f"{size!r} is no size such as 500MB or 4GB")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def build_cache(progress: BuildProgress | None = None) -> Cache:
    """The cache of all build commands."""
    return Cache(cache_root() / "build", progress or Silent())


@dataclass(frozen=True)
class RamdiskImages:
    """Our own images in a ramdisk."""

    worker: Path  # a tar that Docker can load
    actions: list[Wanted]


@dataclass(frozen=True)
class Workshop:
    """Builds everything, each result cached by its inputs."""

    cache: Cache
    progress: BuildProgress

    @classmethod
    def at(cls, root: Path, progress: BuildProgress) -> "Workshop":
        """A workshop with its cache in `root`."""
        return cls(Cache(root / "build", progress), progress)

    @property
    def layout(self) -> Path:
        """The OCI image layout that the registry serves."""
        return self.cache.root.parent / "images"

    def images(self, debian: str = "") -> Path:
        """The worker's and the actions' images, in `layout`."""
        self._build_images(debian)
        return self.layout

    def ramdisk(self, profile: str, output: Path, *, refresh: bool = False) -> Manifest:
        """The kernel and the ramdisk of a profile (its name, or a file), with the worker's image inside.

        Before, what killed builds left is removed; after, the least recently used of what is too much.
        """
        wanted = image_profile.load(profile, PROFILES)
        self.cache.sweep()
        if refresh:
            mirror.refresh(packages.wanted(wanted), self.cache)
        strangers = archives.wanted(wanted)
        check.check(wanted, strangers, self.cache)
        with ThreadPoolExecutor(1) as beside:
            building = beside.submit(self.ramdisk_images, wanted)
            image_build.prepare(wanted, self.cache, strangers)
            ours = building.result()
            manifest = image_build.build(
                wanted,
                output=output,
                worker_image=ours.worker,
                cache=self.cache,
                progress=self.progress,
                images=[*strangers, *ours.actions],
            )
        self.cache.prune(cache_limit())
        return manifest

    def lab_os(self) -> os_image.OsImage:
        """The OS that the lab installs."""
        return os_image.build(self.cache, self.progress)

    def _build_images(self, debian: str) -> list[BuiltImage]:
        return images.build_all(layout=self.layout, cache=self.cache, progress=self.progress, mirror=debian)

    def ramdisk_images(self, profile: Profile) -> RamdiskImages:
        """The images of ours that go into the profile's ramdisk.

        In a layout of their own, which their digests name: builds of other checkouts or from other mirrors
        share `self.layout`, and put theirs there under the same names.
        """
        actions = {
            image.reference: f"actions/{image.action}:latest" for image in profile.images if image.action
        }
        found = {image.ref: image for image in self._build_images(profile.mirror)}
        chosen = [found[ref] for ref in sorted({WORKER_REF, *actions.values()})]

        def copy(result: Path) -> None:
            images.publish(result / "layout", chosen)

        def write(result: Path) -> None:
            archive.write(folder, WORKER_REF, result / "worker.tar", EMBEDDED_WORKER)

        digests = {image.ref: image.manifest_digest for image in chosen}
        folder = self.cache.get("ramdisk-images", [digests], copy) / "layout"
        inputs = [digests[WORKER_REF], EMBEDDED_WORKER, sha256_of_file(Path(archive.__file__))]
        return RamdiskImages(
            self.cache.get("worker-image", inputs, write) / "worker.tar",
            [Wanted(name, folder, digests[ref], ref) for name, ref in actions.items()],
        )
