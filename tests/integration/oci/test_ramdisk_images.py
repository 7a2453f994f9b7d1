"""Which images of ours get into a ramdisk, where several builds fill one layout."""

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from osie.cli.workshop import PROFILES, WORKER_REF, RamdiskImages, Workshop
from osie.core.cache import Cache, Silent
from osie.image.embedded import archived
from osie.image.profile import profile as image_profile
from osie.oci import images
from osie.oci.images import BuiltImage

REBOOT = "actions/reboot:latest"
PROFILE = """
name = "with-reboot"
description = "An action of ours inside."
extends = "slim"

[[images]]
name = "registry.example/reboot:1"
action = "reboot"
"""


@dataclass(frozen=True)
class _Meanwhile(Silent):
    """A BuildProgress at which something else happens as soon as a step begins."""

    step: str
    happen: Callable[[], None]

    def started(self, step: str) -> None:
        """Let it happen."""
        if step == self.step:
            self.happen()


def _taken(taken: RamdiskImages) -> list[bytes]:
    """The manifests of the worker's and of the one action's image, as they would get into the ramdisk."""
    with tarfile.open(taken.worker) as tar:
        worker = tar.extractfile("oci-manifest.json")
        assert worker is not None
        found = [worker.read()]
    (action,) = taken.actions
    with archived.opened(action.place) as blobs:
        read = archived.read(blobs, action.ref)
    assert action.digest in read.digests
    return [*found, read.manifest]


@pytest.mark.parametrize("step", ["ramdisk-images", "worker-image"])
def test_another_builds_images_never_pass_for_ours(built: Any, tmp_path: Path, step: str) -> None:
    """Another checkout publishes twice right before a step, so that ours are gone: we still take ours."""

    shared = built.cache.parent / "images"

    def other_build() -> None:
        for mark in ("x", "y"):
            images.publish(shared, [_other(image, mark) for image in built.images])

    (tmp_path / "profile.toml").write_text(PROFILE)
    profile = image_profile.load(str(tmp_path / "profile.toml"), PROFILES)
    for left in (*built.cache.glob("ramdisk-images-*"), *built.cache.glob("worker-image-*")):
        shutil.rmtree(left)  # by the other step's run of this test
    ours = [next(i.manifest for i in built.images if i.ref == ref) for ref in (WORKER_REF, REBOOT)]
    for progress in (_Meanwhile(step, other_build), Silent()):
        workshop = Workshop(Cache(built.cache, progress), Silent())
        assert workshop.layout == shared
        assert _taken(workshop.ramdisk_images(profile)) == ours


def _other(image: BuiltImage, mark: str) -> BuiltImage:
    """The image with another title, as another checkout may have it."""
    config = json.loads(image.config)
    config["config"].setdefault("Labels", {})["mark"] = mark
    text = json.dumps(config).encode()
    changed = replace(image, config=text)
    manifest = json.loads(image.manifest)
    manifest["config"] |= {"digest": changed.config_digest, "size": len(text)}
    return replace(changed, manifest=json.dumps(manifest).encode())
