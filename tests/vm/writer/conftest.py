"""A tiny machine, frozen before it saw its disk; the disk; and the server that has the image."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from vm.writer import content, http_server, nbd, tiny_guest
from vm.writer.frozen import FrozenMachine
from vm.writer.medium import Medium

from osie.cli.workshop import build_cache
from osie.lab.network import Network

WHOLE_S = 120.0  # within which any install here ends


@dataclass(frozen=True)
class Site:
    """All that an install takes."""

    machine: FrozenMachine
    medium: Medium
    files: dict[str, bytes]  # what is served, by path
    address: str

    def task(self, path: str, *, manifest: bool = False, **more: str) -> dict[str, Any]:
        """image2disk of that file, for the guest."""
        if manifest:
            more["MANIFEST_URL"] = f"http://{self.address}{path}.manifest"
        environment = {
            "IMG_URL": f"http://{self.address}{path}",
            "DEST_DISK": "/dev/vda",
            "PROGRESS_INTERVAL_SECONDS": "0.2",
            **more,
        }
        return {"module": "osie.actions.image2disk", "environment": environment}

    async def install(self, task: dict[str, Any]) -> dict[str, Any]:
        """Thaw, have it done, cut the power; how it ended. What the disk didn't flush is lost."""
        await self.machine.begin(task)
        ended = await self.machine.ended(WHOLE_S)
        await self.machine.cut()
        self.medium.lose_all()
        return ended

    async def install_until(self, task: dict[str, Any], *, commands: int | None, seconds: float) -> bool:
        """Thaw, have it begun, and cut the power when the disk was sent so many commands that change it, or
        so many seconds have passed. False where the install came to its end before. What the disk did not
        flush is still to be lost.
        """
        dark = asyncio.Event()
        self.medium.cut_at, self.medium.on_cut = commands, dark.set
        await self.machine.begin(task)
        ended = asyncio.create_task(self.machine.ended(WHOLE_S))
        cut = asyncio.create_task(dark.wait())
        try:
            await asyncio.wait({ended, cut}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return not ended.done() or self.medium.dark
        finally:
            await self.machine.cut()
            for waiting in (ended, cut):
                waiting.cancel()
            await asyncio.gather(ended, cut, return_exceptions=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A machine that was booted once; from here on it's thawed."""
    folder = tmp_path_factory.mktemp("tiny")
    source = os.environ.get("OSIE_TINY_SOURCE")
    guest = tiny_guest.build(folder, build_cache(), source=Path(source) if source else None)
    image = content.image()
    files = {"/image": image, "/image.zst": content.frames(image)}
    files |= {f"{path}.manifest": content.manifest(stored) for path, stored in files.items()}
    medium = Medium(content.old_disk())
    async with AsyncExitStack() as stack:
        network = stack.enter_context(Network())
        listening = network.listen(80)
        await stack.enter_async_context(http_server.serving(files, listening))
        disk = await stack.enter_async_context(nbd.exported(medium, network.folder / "disk"))
        machine = FrozenMachine(network, guest, disk, folder)
        await stack.enter_async_context(machine)
        await machine.freeze()
        yield Site(machine, medium, files, network.address)
