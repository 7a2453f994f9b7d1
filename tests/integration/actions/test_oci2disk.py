"""oci2disk against the project's own registry: what is pushed there is what is on the disk."""

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from disk_images import noise

from osie.core.process import run
from osie.oci import document, layout
from osie.registry import app

MIB = 1 << 20


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Registry:
    """A running registry, with one artifact."""

    layout: Path
    address: str

    def push(self, content: bytes, config: bytes = b"{}", kind: str = "tar") -> str:
        """Put the image there as `disks/os:1`, as `oras push` does; the manifest's digest."""
        manifest = document.manifest(
            config, [(_digest(content), len(content))], f"application/vnd.oci.image.layer.v1.{kind}"
        )
        return self.put(manifest, config, content)

    def put(self, manifest: bytes, *parts: bytes) -> str:
        """Put a manifest there as `disks/os:1`, and what it names; the manifest's digest."""
        blobs = {_digest(part): part for part in (*parts, manifest)}
        references = [document.reference("disks/os:1", _digest(manifest), len(manifest), "amd64")]
        layout.publish(self.layout, references, files={}, documents=blobs)
        return _digest(manifest)

    def blob(self, digest: str) -> Path:
        """Where a blob is kept."""
        return layout.blob(self.layout, digest)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry, served by a thread."""
    layout.publish(tmp_path / "registry", [], files={}, documents={})
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app.create(tmp_path / "registry"), access_log=None)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Registry(tmp_path / "registry", ":".join(map(str, runner.addresses[0])))
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.parametrize("kind", ["raw", "zstd"])
def test_what_is_pushed_is_written(
    kind: str, registry: Registry, packed: dict[str, bytes], image: bytes, disk: Path, action: Any
) -> None:
    """By its tag: the bytes have the digest that the registry names, but who stands for the registry?"""
    registry.push(packed[kind])
    done = action("oci2disk", IMG_URL=f"{registry.address}/disks/os:1", DEST_DISK=disk)
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: len(image)] == image
    assert "NOT VERIFIED" in done.stderr


def test_a_reference_by_digest_is_verified(
    registry: Registry, packed: dict[str, bytes], image: bytes, disk: Path, action: Any
) -> None:
    """A reference that names the manifest's digest needs nothing else to stand for the image."""
    digest = registry.push(packed["gzip"])
    wanted = {"IMG_URL": f"{registry.address}/disks/os@{digest}", "REQUIRE_VERIFIED": "true"}
    done = action("oci2disk", DEST_DISK=disk, **wanted)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert disk.read_bytes()[: len(image)] == image


def test_another_blob_than_the_manifests_is_refused(
    registry: Registry,
    packed: dict[str, bytes],
    disk: Path,
    action: Any,
    assert_failed: Any,
    assert_not_bootable: Any,
) -> None:
    """A registry whose blob isn't the one of its manifest leaves a disk that doesn't boot."""
    registry.push(packed["raw"])
    blob = registry.blob(_digest(packed["raw"]))
    blob.write_bytes(packed["raw"][:-1] + b"X")
    done = action("oci2disk", IMG_URL=f"{registry.address}/disks/os:1", DEST_DISK=disk)
    assert_failed(done, "don't have its digest|digest")
    assert_not_bootable(disk)


def test_a_wrong_environment_is_told_at_once(action: Any, assert_failed: Any) -> None:
    """The reference, the disk, credentials that are only half there, and what is required and missing."""
    done = action("oci2disk", IMG_URL="NoSuch:://x", REGISTRY_USERNAME="me", REQUIRE_VERIFIED="true")
    assert_failed(
        done, "IMG_URL is wrong.*DEST_DISK is not set.*REQUIRE_VERIFIED.*REGISTRY_PASSWORD is not set"
    )


def test_an_artifact_with_two_layers_is_refused(
    registry: Registry, disk: Path, action: Any, assert_failed: Any
) -> None:
    """Which of them would be the disk? The old system is still there."""
    config, layers = b"{}", [b"one" * 512, b"two" * 512]
    manifest = document.manifest(config, [(_digest(part), len(part)) for part in layers], "text/plain")
    blobs = {_digest(part): part for part in (config, *layers, manifest)}
    references = [document.reference("disks/os:1", _digest(manifest), len(manifest), "amd64")]
    layout.publish(registry.layout, references, files={}, documents=blobs)
    done = action("oci2disk", IMG_URL=f"{registry.address}/disks/os:1", DEST_DISK=disk)
    assert_failed(done, "layer")
    assert disk.read_bytes() == b"\xaa" * 8 * MIB


def _container_disk() -> tuple[bytes, bytes]:
    """A containerDisk's layer, as `COPY disk.img /disk/` makes it, and its image's configuration."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("disk")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        disk = tarfile.TarInfo("disk/disk.img")
        disk.size = MIB
        tar.addfile(disk, io.BytesIO(noise(MIB)))
    rootfs = {"type": "layers", "diff_ids": [_digest(out.getvalue())]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    return out.getvalue(), json.dumps(config).encode()


def test_a_container_disks_layer_is_refused(
    registry: Registry, disk: Path, action: Any, assert_failed: Any
) -> None:
    """As buildah writes it: a tar, though its media type is the one that `oras push` gives a raw image."""
    layer, config = _container_disk()
    digest = registry.push(gzip.compress(layer, 1), config, "tar+gzip")
    done = action("oci2disk", IMG_URL=f"{registry.address}/disks/os@{digest}", DEST_DISK=disk)
    assert_failed(done, "tar archive .'disk/' comes first.*in gzip.*containerDisk")
    assert disk.read_bytes() == b"\xaa" * 8 * MIB


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_what_skopeo_copies_is_refused(
    form: str, registry: Registry, tmp_path: Path, disk: Path, action: Any, assert_failed: Any
) -> None:
    """The same as skopeo writes it, in Docker's form, too, which kaniko has."""
    layer, config = _container_disk()
    registry.push(layer, config)
    source, made = f"docker://{registry.address}/disks/os:1", tmp_path / "made"
    options = ["--quiet", "--src-tls-verify=false", f"--format={form}"]
    run(["skopeo", "--insecure-policy", "copy", *options, source, f"dir:{made}"])
    parts = [path.read_bytes() for path in made.iterdir() if len(path.name) == 64]
    registry.put((made / "manifest.json").read_bytes(), *parts)
    done = action("oci2disk", IMG_URL=f"{registry.address}/disks/os:1", DEST_DISK=disk)
    assert_failed(done, "tar archive .'disk/' comes first.*containerDisk")
    assert disk.read_bytes() == b"\xaa" * 8 * MIB
