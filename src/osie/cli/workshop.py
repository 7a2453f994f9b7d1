"""What the build commands share: where the cache is, and what is built from what."""

import os
from dataclasses import dataclass
from pathlib import Path

from osie.core.cache import BuildProgress, Cache
from osie.image import build as image_build
from osie.image import profile as image_profile
from osie.image.manifest import Manifest
from osie.lab import os_image
from osie.oci import archive, images

WORKER_REF = "tink-worker:latest"
EMBEDDED_NAME = "osie/tink-worker:embedded"  # the tag that the ramdisk starts
PROFILES = Path(__file__).resolve().parents[3] / "profiles"


def cache_root() -> Path:
    """Where builds are kept: $OSIE_CACHE, else the user's cache folder (XDG base directory specification)."""
    if given := os.environ.get("OSIE_CACHE"):
        return Path(given).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "osie"


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

    def images(self) -> Path:
        """The worker's and the actions' images, in `layout`."""
        images.build_all(layout=self.layout, cache=self.cache, progress=self.progress)
        return self.layout

    def ramdisk(self, profile: str, output: Path) -> Manifest:
        """The kernel and the ramdisk of a profile (its name, or a file), with the worker's image inside."""
        wanted = image_profile.load(profile, PROFILES)
        worker = self.cache.root.parent / "worker.tar"
        archive.write(self.images(), WORKER_REF, worker, EMBEDDED_NAME)
        return image_build.build(
            wanted, output=output, worker_image=worker, cache=self.cache, progress=self.progress
        )

    def lab_os(self) -> os_image.OsImage:
        """The OS that the lab installs."""
        return os_image.build(self.cache, self.progress)
