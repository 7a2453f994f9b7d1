"""A virtual machine as one stands in a rack: power on, off, cut and reset; a console; a disk that stays."""

import asyncio
import re
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from osie.core import host_tools
from osie.core.errors import OsieError
from osie.core.process import run
from osie.lab import qemu
from osie.lab.accelerator import KVM
from osie.lab.console import Console, Line
from osie.lab.history import History
from osie.lab.network import Network
from osie.lab.qmp import Event
from osie.lab.running_qemu import QemuError, RunningQemu

# Multi-threaded TCG now and then executes a breakpoint that the kernel, patching its own code, had set and
# removed again: a fault of the emulator, not of the guest.
_TCG_FAULT = re.compile(r"Oops: int3")


class MachineError(OsieError):
    """The machine does not do what was asked of it, or stopped by itself."""


class TcgFault(MachineError):
    """The emulator broke the guest. Cut the machine, power it on again, and say so."""


def create_disk(path: Path, size_bytes: int, disk_format: str = "raw") -> None:
    """An empty disk that takes no room until it is written to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["qemu-img", "create", "-q", "-f", disk_format, path, str(size_bytes)])


class VirtualMachine:
    """A machine in a network of the lab; `async with` plugs it in and, whatever happened, out again."""

    def __init__(self, network: Network, hardware: qemu.Hardware, *, log: Path, accelerated_by: str) -> None:
        """`hardware.disk` must exist. The console's lines go to `log`."""
        self.network = network
        self.hardware = hardware
        self.accelerator = accelerated_by
        self.console = Console(log, alarm=self._look_at)
        self.events: History[Event] = History()
        self.tcg_fault: Line | None = None  # of the present power cycle
        self.powered_on_at = 0.0
        self._tap = ""
        self._running: RunningQemu | None = None

    async def __aenter__(self) -> Self:
        self._tap = self.network.add_tap()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()
        self.console.close()
        self.network.remove_tap(self._tap)

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._running is not None and self._running.alive

    @property
    def pid(self) -> int:
        """QEMU's process."""
        if self._running is None:
            raise MachineError(f"{self.hardware.name} is off: there is no process")
        return self._running.process.pid

    async def power_on(self) -> None:
        """Switch it on; return when QEMU runs. `powered_on_at` is the moment before."""
        if self.is_on:
            raise MachineError(f"{self.hardware.name} is on already")
        await self.cut()  # what is left of a run that ended by itself
        self.tcg_fault = None
        self._fail(None)
        self.powered_on_at = time.time()
        try:
            self._running = await RunningQemu.start(
                self.network,
                self._command,
                on_console=self.console.feed,
                on_event=self.events.add,
                on_end=self._ended,
            )
        except QemuError as error:
            raise MachineError(f"{self.hardware.name} can't be powered on") from error

    async def power_off(self, *, within_s: float = 20.0) -> None:
        """Press the power button; when that has no effect in time, hold it down."""
        running = self._running
        if running is None or not self.is_on:
            return
        await running.ask_to_end(within_s)
        await self.cut()

    async def cut(self) -> None:
        """Pull the plug: nothing is written any more, nothing is said."""
        running, self._running = self._running, None
        if running is not None:
            await running.end()

    async def reset(self) -> None:
        """Press the reset button."""
        if self._running is None or not self.is_on:
            raise MachineError(f"{self.hardware.name} is off: there is nothing to reset")
        await self._running.reset()

    async def wait_event(self, name: str, timeout_s: float, *, since: float = 0.0) -> Event:
        """The first event of that name not older than `since`, such as RESET (see Event.by_guest)."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.events.first(lambda event: event.name == name and event.at >= since)
        except TimeoutError as error:
            raise MachineError(f"{self.hardware.name}: no {name} within {timeout_s:g} s") from error

    async def watch(self) -> NoReturn:
        """Never return: raise TcgFault or MachineError when the machine is beyond hope. For a task group."""
        while True:
            await self.events.changed()

    def _look_at(self, line: Line) -> None:
        if self.tcg_fault is None and self.accelerator != KVM and _TCG_FAULT.search(line.text):
            self.tcg_fault = line
            message = f"{self.hardware.name}: QEMU's emulator broke the guest: {line.text}"
            self._fail(TcgFault(message, hint="power the machine on again; this is no fault of the guest"))

    def _fail(self, error: OsieError | None) -> None:
        self.events.fail(error)
        self.console.history.fail(error)

    def _ended(self, reason: str) -> None:
        self._fail(MachineError(f"{self.hardware.name} stopped by itself: {reason}"))

    def _command(self, monitor_fd: int, console_fd: int) -> list[str]:
        folder = self.network.folder
        variables = folder / f"{self.hardware.name}-variables.fd"
        script = folder / f"{self.hardware.name}.ipxe"
        if self.hardware.firmware == "uefi" and not variables.exists():
            # once: boot entries stay over power cycles
            shutil.copyfile(host_tools.OVMF_VARIABLES.path, variables)
        script.write_text(qemu.pxe_script())
        connections = qemu.Connections(self._tap, monitor_fd, console_fd, variables, script)
        return qemu.command(self.hardware, connections, self.accelerator)
