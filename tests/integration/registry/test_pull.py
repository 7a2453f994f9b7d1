"""A real client, skopeo, against the registry over a layout that skopeo itself wrote."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from osie.core.process import ProcessError, run
from osie.registry import app

TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER_BYTES = 24 << 20


@dataclass(frozen=True)
class Registry:
    """A registry that listens, and the image that it serves."""

    address: str
    layers: list[bytes]

    async def skopeo(self, *argv: str) -> str:
        """Run skopeo; what it prints."""
        return (await asyncio.to_thread(run, ["skopeo", *argv])).stdout


def _image(folder: Path, layers: list[bytes]) -> None:
    """An image as a folder in skopeo's `dir:` form."""
    folder.mkdir()
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }
    ).encode()
    for content in (config, *layers):
        (folder / hashlib.sha256(content).hexdigest()).write_bytes(content)
    parts = [
        {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(part).hexdigest()}", "size": len(part)}
        for kind, part in [
            ("application/vnd.oci.image.config.v1+json", config),
            *(("application/vnd.oci.image.layer.v1.tar", layer) for layer in layers),
        ]
    ]
    manifest = {"schemaVersion": 2, "mediaType": TYPE, "config": parts[0], "layers": parts[1:]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "version").write_text("Directory Transport Version: 1.1\n")


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    """The registry, serving one image of two layers as actions/big:latest."""
    layers = [os.urandom(LAYER_BYTES), b"small" * 1000]
    _image(tmp_path / "source", layers)
    target = f"oci:{tmp_path / 'layout'}:actions/big:latest"
    fill = ["skopeo", "copy", "--quiet", "--preserve-digests", f"dir:{tmp_path / 'source'}", target]
    await asyncio.to_thread(run, fill)
    runner = web.AppRunner(app.create(tmp_path / "layout"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield Registry(f"docker://{host}:{port}", layers)
    await runner.cleanup()


async def test_a_pull_gives_what_was_put_in(registry: Registry, tmp_path: Path) -> None:
    """A client pulls manifest, config and layers, verifies their digests, and has the same bytes."""
    source = f"{registry.address}/actions/big:latest"
    target = tmp_path / "pulled"
    await registry.skopeo("copy", "--quiet", "--src-tls-verify=false", source, f"dir:{target}")
    for layer in registry.layers:
        assert (target / hashlib.sha256(layer).hexdigest()).read_bytes() == layer
    pulled = hashlib.sha256((target / "manifest.json").read_bytes()).hexdigest()
    inspected = await registry.skopeo("inspect", "--tls-verify=false", source)
    seen = json.loads(inspected)
    assert seen["Digest"] == f"sha256:{pulled}"
    assert seen["RepoTags"] == ["latest"]
    by_digest = f"{registry.address}/actions/big@{seen['Digest']}"
    again = json.loads(await registry.skopeo("inspect", "--tls-verify=false", by_digest))
    assert again["Layers"] == seen["Layers"]


async def test_a_client_understands_a_refusal(registry: Registry) -> None:
    """The client tells its user what we said: an unknown tag, and that nothing can be pushed."""
    with pytest.raises(ProcessError, match="manifest unknown"):
        await registry.skopeo("inspect", "--tls-verify=false", f"{registry.address}/actions/big:v9")
    image = f"{registry.address}/actions/big:latest"
    with pytest.raises(ProcessError, match="read-only"):
        await registry.skopeo(
            "copy",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            image,
            f"{registry.address}/new:latest",
        )
