"""A machine that was switched on once and frozen before it saw its disk: each power-on afterwards is a thaw.

Under TCG a boot takes 7 s, a thaw less than one. The disk's driver is loaded after the thaw, so the guest
knows nothing of the disk that it doesn't read then. QEMU: docs/devel/migration.rst.
"""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vm.writer import tiny_guest
from vm.writer.tiny_guest import Guest

from osie.lab import accelerator, qemu
from osie.lab.machine import VirtualMachine
from osie.lab.namespace import inside
from osie.lab.network import Network

_BOOT_S, _THAW_S, _SAVE_S = 120, 60, 60
_AGAIN_S = 0.1  # between two datagrams
_BANDWIDTH = 4 << 30  # bytes per second of a save


class FrozenMachine(VirtualMachine):
    """A tiny guest. `freeze` once, then `begin` and `cut` any number of times."""

    def __init__(
        self, network: Network, guest: Guest, disk: str, folder: Path, *, cpus: int = 1, memory_mib: int = 256
    ) -> None:
        """`disk` is a raw disk's name for QEMU; always of the same size."""
        direct = qemu.Direct(guest.kernel, guest.initramfs, "console=ttyS0 quiet panic=-1")
        hardware = qemu.Hardware(
            "tiny", "52:54:00:05:1e:f4", Path(disk), memory_mib=memory_mib, cpus=cpus, direct=direct
        )
        super().__init__(network, hardware, log=folder / "console", accelerated_by=accelerator.best())
        self._state = folder / "frozen"

    async def power_on(self) -> None:
        """Switch it on. What it was about to say when it was cut is a line of its own."""
        self.console.feed(b"\n", time.time())
        await super().power_on()

    async def freeze(self) -> None:
        """Boot, and keep the state in which the guest waits to be told what to do."""
        await self.power_on()
        await self._reach("guest: ready", _BOOT_S)
        await self._ask("migrate-set-parameters", **{"max-bandwidth": _BANDWIDTH})
        await self._ask("migrate", uri=f"exec:cat > {self._state}")
        deadline = time.monotonic() + _SAVE_S
        while (told := await self._ask("query-migrate"))["status"] != "completed":
            assert told["status"] != "failed" and time.monotonic() < deadline, told
            await asyncio.sleep(_AGAIN_S)
        await self.cut()

    async def begin(self, task: Mapping[str, Any]) -> None:
        """Thaw, and return when the guest has its disk and has begun the task."""
        await self.power_on()
        began = asyncio.create_task(self._reach("guest: begins", _THAW_S))
        with inside(self.network.name, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as wire:
            while not began.done():
                wire.sendto(json.dumps(task).encode(), (tiny_guest.ADDRESS, tiny_guest.PORT))
                await asyncio.wait([began], timeout=_AGAIN_S)
        await began

    async def ended(self, timeout_s: float) -> dict[str, Any]:
        """How the task ended: its status, seconds, cpu_s and rss_kib."""
        line = await self._reach(r"guest: ended \{.*\}", timeout_s)
        told: dict[str, Any] = json.loads(line.partition("ended ")[2])
        return told

    def said(self) -> list[str]:
        """The console's lines since the last power-on."""
        return [line.text for line in self.console.lines if line.at >= self.powered_on_at]

    async def _reach(self, pattern: str, timeout_s: float) -> str:
        """The line of this power cycle with the pattern; a guest that panics doesn't get there."""
        line = await self.console.wait_for(f"{pattern}|Kernel panic", timeout_s, since=self.powered_on_at)
        assert "Kernel panic" not in line.text, "\n".join(self.said())
        return line.text

    async def _ask(self, command: str, **arguments: object) -> Any:
        assert self._running is not None and self._running.monitor is not None
        return await self._running.monitor.execute(command, **arguments)

    def _command(self, monitor_fd: int, console_fd: int) -> list[str]:
        # What the guest writes is to reach the disk as that, zeroes too.
        command = [
            word.replace("detect-zeroes=unmap", "detect-zeroes=off")
            for word in super()._command(monitor_fd, console_fd)
        ]
        return [*command, "-incoming", f"exec:cat {self._state}"] if self._state.exists() else command
