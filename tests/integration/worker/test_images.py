"""Images come from a real registry, and go when they aren't needed."""

import signal
from pathlib import Path

import image_registry
import pytest
from aiohttp.typedefs import Middleware
from engines import BOTH, RunningEngine
from image_registry import PASSWORD, USER, Failing, Lying, digest, serving
from scripted_tink import TinkServer

from osie.oci import layout
from osie.worker.runtime.engine import Engine

from .conftest import Scripts, WorkerProcess

MIB = 1 << 20


@BOTH
async def test_images_come_and_go(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts, registry: str
) -> None:
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


@BOTH
async def test_unknown_image(tink: TinkServer, worker: WorkerProcess, action: Scripts, registry: str) -> None:
    """An image that the registry hasn't fails the action at once, and the message names it."""
    tink.actions = [action("true", image=f"{registry}/absent:1")]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "FAILED"]
    assert f"can't pull the image {registry}/absent:1" in tink.reports[1].message.message
    assert "pull_failed" not in worker.printed


async def test_registry_comes_back(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, images: Path, unused_tcp_port: int
) -> None:
    """A registry that isn't there yet, and one that fails at first, are waited for."""
    tink.actions = [action("true", image=f"127.0.0.1:{unused_tcp_port}/first")]
    await worker.start()
    await worker.until_printed("pull_failed")
    async with serving(images, Failing(2), unused_tcp_port):
        await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "SUCCESS"]


@pytest.mark.parametrize(
    ("running_engine", "guard"),
    [("docker", image_registry.basic), ("docker", image_registry.token), ("podman", image_registry.token)],
    indirect=["running_engine"],
)
async def test_registry_with_passwords(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, images: Path, guard: Middleware
) -> None:
    """A pull shows the credentials to their registry; without them the action fails at once, and says why."""
    async with serving(images, guard) as authority:
        tink.actions = [action("true", image=f"{authority}/first")]
        worker.environment |= {"DOCKER_REGISTRY": authority, "REGISTRY_USERNAME": USER}
        worker.environment |= {"REGISTRY_PASSWORD": PASSWORD}
        await worker.start()
        await tink.until(lambda: len(tink.reports) == 2)
        assert tink.states == ["RUNNING", "SUCCESS"], tink.reports[1].message
        await tink.until(lambda: len(tink.asked) >= 2)
        await worker.end(signal.SIGTERM)
        tink.actions = [action("true", name="stranger", image=f"{authority}/second")]
        worker.environment["DOCKER_REGISTRY"] = "registry.example"
        await worker.start()
        await tink.until(lambda: len(tink.reports) == 4)
    assert tink.states[3] == "FAILED"
    assert "can't pull the image" in tink.reports[3].message.message
    assert "pull_failed" not in worker.printed
    assert PASSWORD not in worker.printed + str(tink.reports)


@BOTH
async def test_digest_pins(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts, images: Path
) -> None:
    """An image named by its digest, with a tag or without, is that one; it runs, and goes like any other."""
    pin = digest(layout.manifest(images, "first:latest")[0])
    async with serving(images) as authority:
        pinned = f"{authority}/first@{pin}"
        names = [pinned, f"{authority}/first:latest@{pin}"]
        tink.actions = [action("true", name=str(n), image=name) for n, name in enumerate(names)]
        await worker.start()
        await tink.until(lambda: len(tink.asked) >= 4)
    assert tink.states == ["RUNNING", "SUCCESS"] * 2, [report.message for report in tink.reports]
    assert not await engine.has_image(pinned)


@BOTH
async def test_digest_is_checked(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, images: Path
) -> None:
    """What a registry passes off as the image of a digest doesn't run."""
    pin = digest(layout.manifest(images, "first:latest")[0])
    instead, _ = layout.manifest(images, "second:latest")
    async with serving(images, Lying(instead)) as authority:
        tink.actions = [action("echo ran > /worker/ran", image=f"{authority}/first@{pin}")]
        await worker.start()
        await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "FAILED"]
    assert not (action.shared / "ran").exists()


@BOTH
async def test_memory_comes_back(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, images: Path, running_engine: RunningEngine
) -> None:
    """After an action nothing of it is left in the engine's storage: image, container, what it wrote, log."""
    script = "cat /dev/zero | head -c 33554432 > /written; echo $(seq 5000); read x < /worker/gate"
    async with serving(images) as authority:
        before = running_engine.used_bytes
        tink.actions = [action(script, image=f"{authority}/first")]
        await worker.start()
        await tink.until(lambda: tink.lines)
        assert running_engine.used_bytes > before + 32 * MIB
        action.open_gate()
        await tink.until(lambda: len(tink.asked) >= 3)
    assert tink.states == ["RUNNING", "SUCCESS"]
    assert running_engine.used_bytes < before + MIB


@BOTH
async def test_log_is_bounded(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, running_engine: RunningEngine
) -> None:
    """An action that prints without end takes a bounded part of the memory, and its last lines are told.

    Also what it prints right before its end, though its log's files were changed for new ones many times.
    """
    line = "x" * 1000
    printing = f"yes {line} | head -c 40000000; echo; echo last"
    before = running_engine.used_bytes
    tink.actions = [action(f"{printing}; read x < /worker/gate; echo bye; exit 3")]
    await worker.start()
    await tink.until(lambda: tink.lines and tink.lines[-1].text == "last")
    assert running_engine.used_bytes < before + 24 * MIB
    action.open_gate()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.reports[1].message.message.endswith("last\nbye")
    numbers = [line.sequence for line in tink.lines]
    assert tink.lines[-1].text == "bye"
    assert numbers == sorted(set(numbers))
