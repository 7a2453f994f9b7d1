"""A small ramdisk built for real (kernel, Python, no Docker), and what records a build's steps."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import packages_at_hand
import pytest
from small_profile import SMALL

from osie.core.cache import Cache
from osie.image.artifacts.manifest import Manifest
from osie.image.build import build
from osie.image.embedded.embedded import Wanted
from osie.image.profile.profile import Profile, load
from osie.image.steps import SOURCE

WITH_EXTRAS = (
    "size_budget_bytes = 60_000_000"
    + SMALL
    + """
[modules]
names = ["dummy"]
[[files]]
path = "/etc/motd"
content = "small"
"""
)


def write_image(tar: Path, *layers: dict[str, bytes]) -> None:
    """An image's tar as oci.archive writes it; each layer is contents by path."""
    packed = [_tar(layer) for layer in layers]
    diff_ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in packed]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode()
    registered = [{"digest": f"sha256:{number:064x}", "size": 1} for number in range(len(layers))]
    paths = [f"blobs/sha256/{diff_id[7:]}" for diff_id in diff_ids]
    told = [{"Config": "config", "RepoTags": ["osie/tink-worker:embedded"], "Layers": paths}]
    manifest = {"schemaVersion": 2, "layers": registered}
    documents = {"oci-manifest.json": json.dumps(manifest), "manifest.json": json.dumps(told)}
    contents = {name: text.encode() for name, text in documents.items()} | {"config": config}
    tar.write_bytes(_tar(contents | dict(zip(paths, packed, strict=True))))


def _tar(contents: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@dataclass
class Recorder:
    """A BuildProgress that keeps which steps had something to do."""

    cached: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def started(self, step: str) -> None:
        """Say nothing."""

    def finished(self, step: str, *, seconds: float, size_bytes: int, cached: bool) -> None:  # noqa: ARG002
        """Note the step."""
        (self.cached if cached else self.done).append(step)


@dataclass(frozen=True)
class Workshop:
    """Everything that one build needs, in a folder of its own."""

    folder: Path
    profile: Profile

    @property
    def output(self) -> Path:
        """Where the artifacts are."""
        return self.folder / "output"

    @property
    def source(self) -> Path:
        """A copy of our Python package, to be changed."""
        return self.folder / "source"

    def build(
        self,
        changed: Profile | None = None,
        cache: str = "cache",
        images: Sequence[Wanted] = (),
    ) -> tuple[Manifest, Recorder]:
        """Build, and tell what was done."""
        seen = Recorder()
        manifest = build(
            changed or self.profile,
            output=self.output,
            worker_image=self.folder / "worker.tar",
            cache=Cache(self.folder / cache, seen),
            progress=seen,
            source=self.source,
            images=images,
        )
        return manifest, seen


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """The small profile, built once."""
    if os.geteuid() != 0:
        pytest.skip("building a ramdisk needs root")
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "small.toml").write_text(WITH_EXTRAS)
    write_image(folder / "worker.tar", {"usr/lib/osie/worker.txt": b"the worker\n"})
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    made = Workshop(folder, load("small", folder))
    packages_at_hand.seed(folder / "cache", made.profile)
    made.build()
    yield made
    shutil.rmtree(folder)  # a gigabyte
