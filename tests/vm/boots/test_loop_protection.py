"""A machine whose OS never comes up does not netboot for ever."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from rack import Rack

from osie.cli.client import Json
from osie.cli.demo.stage import Stage
from osie.cli.workshop import Workshop, cache_root
from osie.core.cache import Silent
from osie.image.artifacts import cpio

LIMIT = 2


async def _scripts(rack: Rack) -> list[str]:
    """What the machine was told to do, each time that it asked."""
    events: list[Json] = (await rack.client.request("GET", f"/machines/{rack.mac(0)}/events"))["items"]
    return [event["fields"]["kind"] for event in events if event["event"] == "ipxe_script"]


@pytest.fixture
def workshop() -> Workshop:
    """Where the artifacts are made."""
    return Workshop.at(cache_root(), Silent())


@pytest.fixture
def artifacts(workshop: Workshop, tmp_path: Path) -> Path:
    """A kernel, and a ramdisk with nothing in it: the kernel panics, and starts the machine anew."""
    folder = tmp_path / "artifacts"
    workshop.ramdisk("virtual", folder)
    ramdisk = folder / "initramfs-x86_64"
    ramdisk.unlink()
    with ramdisk.open("wb") as file:
        cpio.write(file, [], mtime=0)
    return folder


async def test_a_machine_that_gets_nowhere_is_stopped_and_told(
    workshop: Workshop, artifacts: Path, tmp_path: Path
) -> None:
    """After so many boots its workflow ends, and its console says why; a retry lets it boot again."""
    images = tmp_path / "images"
    images.mkdir()
    limit = {"netboot_limit": LIMIT}
    stage = Stage(tmp_path, artifacts=artifacts, layout=workshop.layout, images=images, tink=limit)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage)
        rack = Rack(stage, images)
        machine = await stack.enter_async_context(await rack.add(256, kernel_parameters=["panic=1"]))
        name = await rack.start("loop", 0, [{"name": "never", "image": "none", "timeout": 60}])
        await machine.power_on()
        await machine.console.wait_for(f"Osie stopped machine-0 {rack.mac(0)}", 300)
        await machine.console.wait_for(f"workflow default/{name}: the machine netbooted {LIMIT} times", 10)
        await machine.console.wait_for("osie workflow retry", 10)
        await machine.console.wait_for("Asking again in 60 s", 10)
        status = (await rack.ended(name))["status"]
        assert (status["state"], status["cause"]) == ("FAILED", "loop")
        assert f"netbooted {LIMIT} times" in status["message"]
        assert await _scripts(rack) == ["install"] * LIMIT + ["stopped"]
        await rack.client.request("POST", f"/workflows/{name}/retry", json={})
        freed = await machine.console.wait_for("Asking again in 60 s", 10)
        await machine.reset()
        await machine.console.wait_for("boots into the installer", 120, since=freed.at)
        assert await _scripts(rack) == ["install"] * LIMIT + ["stopped", "install"]
