"""One real build of all images, shared by this folder's tests; it takes half a minute."""

from dataclasses import dataclass, field
from pathlib import Path

import packages_at_hand
import pytest

from osie.core.cache import Cache
from osie.oci import images
from osie.oci.images import BuiltImage


@dataclass
class Steps:
    """A BuildProgress that remembers which steps had work to do."""

    worked: list[str] = field(default_factory=list)

    def started(self, step: str) -> None:
        """Nothing to remember yet."""

    def finished(self, step: str, *, seconds: float, size_bytes: int, cached: bool) -> None:  # noqa: ARG002
        """Remember the step if it wasn't in the cache."""
        if not cached:
            self.worked.append(step)


@dataclass(frozen=True)
class Built:
    """The build's result, and what a further build needs."""

    layout: Path
    cache: Path
    images: list[BuiltImage]

    def again(self, source: Path | None = None) -> tuple[list[BuiltImage], list[str]]:
        """Build once more with the same cache; returns the images and the steps that had work to do."""
        steps = Steps()
        return build(self.layout, self.cache, steps, source), steps.worked

    @property
    def worker(self) -> BuiltImage:
        """The worker's image."""
        return next(image for image in self.images if image.ref == images.WORKER)


def build(layout: Path, cache: Path, steps: Steps, source: Path | None = None) -> list[BuiltImage]:
    """Build all images."""
    return images.build_all(layout=layout, cache=Cache(cache, steps), progress=steps, source=source)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """All images of this checkout, from nothing."""
    folder = tmp_path_factory.mktemp("images")
    packages_at_hand.seed(folder / "cache")
    return Built(folder / "layout", folder / "cache", build(folder / "layout", folder / "cache", Steps()))
