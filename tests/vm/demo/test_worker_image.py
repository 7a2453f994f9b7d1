"""A worker from a registry, in place of the embedded one."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from rack import Rack, boot
from rich.console import Console

from osie.cli.demo.stage import Stage
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root


@pytest.mark.asyncio
async def test_another_worker_is_pulled_and_works(layout: Path, tmp_path: Path) -> None:
    """`tink_worker_image=` on a machine of 512 MiB with Podman: that image runs, and executes an action."""
    with TerminalProgress(Console()) as progress:
        Workshop.at(cache_root(), progress).ramdisk("slim", tmp_path / "artifacts")
    served = tmp_path / "images"
    served.mkdir()
    async with AsyncExitStack() as stack:
        stage = Stage(tmp_path, artifacts=tmp_path / "artifacts", layout=layout, images=served)
        await stack.enter_async_context(stage)
        rack = Rack(stage, served)
        image = f"{stage.address}:5000/tink-worker:latest"
        adding = rack.add(512, kernel_parameters=[f"tink_worker_image={image}"])
        machine = await stack.enter_async_context(await adding)
        await boot(rack, 0)
        told = await machine.console.wait_for(r"osie: worker ok .* id=", 10, since=machine.powered_on_at)
        assert f"image={image}" in str(told)
        action = {
            "name": "say",
            "image": "quay.io/tinkerbell/actions/sabotage:latest",
            "timeout": 60,
            "environment": {"VALUE": "from a registry's worker"},
        }
        name = await rack.start("registry", 0, [action])
        assert (await rack.ended(name))["status"]["state"] == "SUCCESS"
        assert await rack.log(name) == ["value: from a registry's worker"]
