"""The demo itself: build, set the stage, apply the resources, switch the machine on, and watch."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from osie.cli.demo import screen
from osie.cli.demo.scenario import HARDWARE, MAC, WORKFLOW, Run, files
from osie.cli.demo.stage import Stage
from osie.cli.demo.timeline import Outcome, Timeline
from osie.cli.demo.watch import End, Watch
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop
from osie.core.errors import OsieError, chain
from osie.lab import accelerator, qemu
from osie.lab.machine import TcgFault, VirtualMachine, create_disk
from osie.lab.os_image import OsImage

Firmware = Literal["bios", "uefi"]
Fault = Literal["digest", "truncated", "missing"]

_DISK_BYTES = 4 << 30


@dataclass(frozen=True)
class Options:
    """What the demo was asked for."""

    memory_mib: int = 1024
    firmware: Firmware = "bios"
    profile: str = "default"
    timeout_s: float = 1200
    fault: Fault | None = None


@dataclass(frozen=True)
class Built:
    """What the workshop made for it."""

    artifacts: Path
    layout: Path
    os: OsImage
    kernel_bytes: int
    initramfs_bytes: int


def build(workshop: Workshop, profile: str, artifacts: Path) -> Built:
    """Build everything; what is unchanged costs nothing."""
    manifest = workshop.ramdisk(profile, artifacts)
    sizes = {artifact.name.split("-")[0]: artifact.size for artifact in manifest.artifacts}
    return Built(artifacts, workshop.layout, workshop.lab_os(), sizes["vmlinuz"], sizes["initramfs"])


def prepare_image(os: OsImage, folder: Path, fault: Fault | None) -> tuple[str, str]:
    """Put the OS image into the served folder; return its name there, and the checksum to tell.

    With a fault, one of the two is wrong, or the image is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, checksum = "debian-13.raw.zst", f"sha256:{os.sha256}"
    shutil.copyfile(os.path, folder / name)
    if fault == "truncated":
        size = os.path.stat().st_size
        with (folder / name).open("r+b") as file:
            file.truncate(size * 6 // 10)
    elif fault == "digest":
        checksum = f"sha256:{'0' * 64}"
    elif fault == "missing":
        name = "there-is-no-such-image.raw.zst"
    return name, checksum


class Performance:
    """One run. Use `run`; afterwards `timeline` and the console are there to be looked at."""

    def __init__(
        self, options: Options, built: Built, workdir: Path, terminal: TerminalProgress, restarts: int = 0
    ) -> None:
        self.options, self.built, self.workdir, self.terminal = options, built, workdir, terminal
        self.timeline = Timeline()
        self.restarts = restarts
        self._bar = screen.ActionBar(terminal)
        self._awaited = ""  # what the display says it waits for

    @asynccontextmanager
    async def scene(self) -> AsyncIterator[tuple[Stage, VirtualMachine]]:
        """The stage with the resources applied, and a machine with an empty disk, still off."""
        images = self.workdir / "images"
        name, checksum = prepare_image(self.built.os, images, self.options.fault)
        stage = Stage(self.workdir, artifacts=self.built.artifacts, layout=self.built.layout, images=images)
        async with stage:
            self.token = secrets.token_hex(16)
            run = Run(
                token=self.token,
                image_url=f"{stage.boots_url}/images/{name}",
                image_checksum=checksum,
                root_partition=self.built.os.root_partition,
                phone_home_url=f"{stage.boots_url}/phone-home",
            )
            for applied in await stage.client.apply(files(run)):
                self.terminal.say(f"  [green]✓[/] {applied['kind'].lower()}/{applied['name']} applied")
            disk = self.workdir / "disk.raw"
            create_disk(disk, _DISK_BYTES)
            hardware = qemu.Hardware(
                name=HARDWARE,
                mac=MAC,
                memory_mib=self.options.memory_mib,
                disk=disk,
                firmware=self.options.firmware,
            )
            log = self.workdir / "console.log"
            machine = VirtualMachine(stage.network, hardware, log=log, accelerated_by=accelerator.best())
            async with machine:
                yield stage, machine

    async def run(self, stage: Stage, machine: VirtualMachine) -> Outcome:
        """From power-on to the end; what went wrong is in the outcome, but for TcgFault, which is raised."""
        try:
            async with asyncio.timeout(self.options.timeout_s):
                end = await self._watch(stage, machine)
        except TimeoutError:
            end = End(self._too_late())
        except TcgFault:
            raise
        except OsieError as error:
            end = End(": ".join(chain(error)))
        finally:
            self._bar.update("", None)
            self.terminal.clear(self._awaited)
        return Outcome(
            result="failure" if end.reason else "success",
            reason=end.reason,
            accelerator=machine.accelerator.partition(",")[0],
            firmware=self.options.firmware,
            memory_mib=self.options.memory_mib,
            kernel_bytes=self.built.kernel_bytes,
            initramfs_bytes=self.built.initramfs_bytes,
            restarts=self.restarts,
        )

    async def _watch(self, stage: Stage, machine: VirtualMachine) -> End:
        watch = Watch(
            client=stage.client,
            mac=MAC,
            workflow=WORKFLOW,
            token=self.token,
            on_event=self._event,
            on_progress=self._bar.update,
            timeline=self.timeline,
        )
        await machine.power_on()
        self.timeline.saw("power_on", machine.powered_on_at)
        self._event("power_on", machine.powered_on_at)
        return await watch.run(machine)

    def _event(self, event: str, at: float) -> None:
        self.terminal.clear(self._awaited)
        self.terminal.say(screen.milestone(event, at - self.timeline.seen["power_on"]))
        if missing := self.timeline.missing():
            self._awaited = f"  until {missing[0]}"
            self.terminal.started(self._awaited)

    def _too_late(self) -> str:
        waited = f"no end within {self.options.timeout_s:.0f} s"
        missing = self.timeline.missing()
        return f"{waited}; the machine did not come to {missing[0]}" if missing else waited


def verdict(outcome: Outcome, timeline: Timeline) -> Outcome:
    """Whether the install is proven, and what lacks besides; a lesser event takes nothing from the proof."""
    told = replace(outcome, not_seen=tuple(timeline.missing()), out_of_order=tuple(timeline.disorder()))
    if outcome.result == "success" and (reason := timeline.disproof()):
        return replace(told, result="failure", reason=f"the OS is up, but {reason}")
    return told
