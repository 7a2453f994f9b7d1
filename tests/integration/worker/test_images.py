"""Images come from a real registry and go when they aren't needed; and a worker needs no server."""

import asyncio
import gzip
import hashlib
import json
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from osie.oci import document, layout
from osie.registry import app


def publish(folder: Path, tar: bytes, *names: str) -> None:
    """Put images of a busybox into an OCI layout."""
    layer = gzip.compress(tar, mtime=0)
    blobs, references = {digest(layer): layer}, []
    for name in names:
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
        }
        configuration = json.dumps(config).encode()
        kind = "application/vnd.oci.image.layer.v1.tar+gzip"
        manifest = document.manifest(configuration, [(digest(layer), len(layer))], kind)
        blobs |= {digest(configuration): configuration, digest(manifest): manifest}
        references.append(document.reference(name, digest(manifest), len(manifest), "amd64"))
    layout.publish(folder, references, files={}, documents=blobs)


def digest(content: bytes) -> str:
    """SHA-256, as registries write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest_asyncio.fixture
async def registry(tmp_path, busybox):
    """The authority of a registry with the images first:latest and second:latest."""
    await asyncio.to_thread(publish, tmp_path / "layout", busybox, "first:latest", "second:latest")
    runner = web.AppRunner(app.create(tmp_path / "layout"))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield "{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


async def test_images_come_and_go(tink, worker, engine, action, registry) -> None:
    """An image is pulled once for actions in a row, and goes when the next has another, or there is none."""
    first, second = f"{registry}/first", f"{registry}/second:latest"
    tink.actions = [
        action("true", name="a", image=first),
        action("true", name="b", image=first),
        action("read x < /worker/gate", name="c", image=second),
    ]
    await worker.start()
    await tink.until(lambda: tink.states[4:] == ["RUNNING"])
    assert not await engine.has_image(first)
    await tink.until(lambda: len(tink.asked) == 3)
    action.open_gate()
    await tink.until(lambda: len(tink.asked) >= 5)  # idle: asked, and asked again
    assert tink.states == ["RUNNING", "SUCCESS"] * 3
    assert not await engine.has_image(second)
    assert worker.printed.count("image_pulled") == 2
    assert worker.printed.count("image_removed") == 2
    assert await engine.has_image("osie-test:latest"), "an image that the worker didn't pull stays"


async def test_unknown_image(tink, worker, action, registry) -> None:
    """An image that the registry hasn't fails the action at once, and the message names it."""
    tink.actions = [action("true", image=f"{registry}/absent:1")]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "FAILED"]
    assert f"can't pull the image {registry}/absent:1" in tink.reports[1].message.message
    assert "pull_failed" not in worker.printed


@pytest.mark.usefixtures("registry")
async def test_registry_comes_back(tink, worker, action, tmp_path, unused_tcp_port) -> None:
    """A registry that isn't there yet is waited for."""
    tink.actions = [action("true", image=f"127.0.0.1:{unused_tcp_port}/first")]
    await worker.start()
    await worker.until_printed("pull_failed")
    runner = web.AppRunner(app.create(tmp_path / "layout"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    await tink.until(lambda: len(tink.reports) == 2)
    await runner.cleanup()
    assert tink.states == ["RUNNING", "SUCCESS"]


@pytest.mark.parametrize(
    ("last", "states"), [("exit 0", ["SUCCESS", "SUCCESS"]), ("exit 9", ["SUCCESS", "FAILED"])]
)
async def test_actions_from_a_file(worker, tmp_path, last, states) -> None:
    """Without a server the worker runs a file's actions, writes their statuses, and ends."""
    file = tmp_path / "actions.json"
    scripts = {"a": "echo hi", "b": last}
    given = {"image": "osie-test", "volumes": [f"{tmp_path}:/worker"]}  # ours would be made on this host
    actions = [{"name": n, "command": ["/bin/sh", "-c", s], **given} for n, s in scripts.items()]
    file.write_text(json.dumps(actions))
    worker.environment |= {"OSIE_ACTIONS_FILE": str(file), "TINKERBELL_GRPC_AUTHORITY": ""}
    await worker.start()
    assert (await worker.end())[0] == 0
    told = [json.loads(line) for line in (tmp_path / "actions.json.status").read_text().splitlines()]
    assert [entry["state"] for entry in told if entry["state"] != "RUNNING"] == states
    assert "text=hi" in worker.printed
