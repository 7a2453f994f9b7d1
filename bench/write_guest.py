"""Writing to a virtio disk in a guest: image2disk and the expert's pipe, turn about.

The guest is the tests' tiny one, with Debian's own curl, dd and decompressors beside the action's image.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.writer import tiny_guest
from vm.writer.frozen import FrozenMachine

from bench.write_images import Format, Image
from osie.cli.workshop import build_cache
from osie.core import packages
from osie.core.debian import PackageSet
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.image.artifacts import cpio
from osie.lab.machine import TcgFault, create_disk
from osie.lab.network import Network
from osie.oci import selection
from osie.oci.interpreter import Interpreter

_TOOLS = {
    "coreutils": "usr/bin/dd",
    "curl": "usr/bin/curl",
    "gzip": "usr/bin/gzip",
    "bzip2": "usr/bin/bzip2",
    "lz4": "usr/bin/lz4",
    "xz-utils": "usr/bin/xz",
    "zstd": "usr/bin/zstd",
}
_WHOLE_S = 600.0
_MEMORY_MIB = 512
PORT = 8094
OURS, UNCHECKED = "image2disk", "image2disk, nothing verified"


def _tools() -> Iterator[cpio.Entry]:
    """Debian's programs in /tools/bin, their libraries in /tools/lib."""
    wanted = PackageSet((*selection.PACKAGES, *_TOOLS))
    root = packages.unpacked(wanted, build_cache(), step="bench-tools").resolve()
    interpreter = Interpreter(root)
    libraries = {path for tool in _TOOLS.values() for path in interpreter.libraries_of(root / tool)}
    for folder in ("tools", "tools/bin", "tools/lib"):
        yield cpio.directory(folder)
    for tool in _TOOLS.values():
        yield cpio.file(f"tools/bin/{Path(tool).name}", root / tool, 0o755)
    for library in sorted(libraries):
        yield cpio.file(f"tools/lib/{library.name}", library.resolve(), 0o755)


@dataclass(frozen=True)
class GuestBench:
    """A frozen guest with a disk in a file, and the images served on its network."""

    machine: FrozenMachine
    disk: Path
    address: str

    async def run(self, image: Image, form: Format, rounds: int) -> dict[str, list[dict[str, Any]]]:
        """So many rounds of both ways in turn; each is to leave the image on the disk."""
        stored = image.stored(form)
        url = f"http://{self.address}:{PORT}/{stored.name}"
        given = {"IMG_URL": url, "DEST_DISK": "/dev/vda"}
        checked = {**given, "CHECKSUM": f"sha256:{sha256_of_file(stored)}"}
        unpack = f"{' '.join(form.decompressor)} | " if form.decompressor else ""
        pipe = f"curl -sSf {url} | {unpack}dd of=/dev/vda bs=4M iflag=fullblock oflag=direct conv=fsync"
        tools = {"PATH": "/tools/bin:/bin", "LD_LIBRARY_PATH": "/tools/lib"}
        # With Python's start, as a container has it: not with what the guest has imported before.
        action = ["python3", "-m", "osie.actions.image2disk"]
        ways = {
            OURS: {"argv": action, "environment": checked},
            UNCHECKED: {"argv": action, "environment": {**given, "READBACK": "off"}},
            "pipe": {"argv": ["sh", "-c", pipe], "environment": tools},
        }
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, task in ways.items():
                found[name].append(await self._once(task, image))
        return found

    async def _once(self, task: dict[str, Any], image: Image) -> dict[str, Any]:
        while True:
            with self.disk.open("r+b") as file:
                size = file.seek(0, 2)
                file.truncate(0)
                file.truncate(size)
            try:
                await self.machine.begin(task)
                ended = await self.machine.ended(_WHOLE_S)
            except TcgFault as fault:
                print(f"  {fault}; once more", flush=True)
                continue
            finally:
                await self.machine.cut()
            if ended["status"] != 0:
                raise OsieError(f"{json.dumps(task)} failed: {self.machine.said()[-5:]}")
            run(["cmp", "--bytes", str(image.size), self.disk, image.path])
            return ended


@asynccontextmanager
async def guest_bench(folder: Path, served: Path, disk_bytes: int) -> Any:
    """The guest, ready to thaw."""
    guest = tiny_guest.build(folder, build_cache(), more=tuple(_tools()))
    disk = folder / "disk.raw"
    create_disk(disk, disk_bytes)
    with Network() as network:
        network.popen([sys.executable, "-m", "bench.write_server", str(served), str(PORT)])
        machine = FrozenMachine(network, guest, str(disk), folder, cpus=2, memory_mib=_MEMORY_MIB)
        async with machine:
            await machine.freeze()
            yield GuestBench(machine, disk, network.address)


def measure(folder: Path, served: Path, cases: Sequence[tuple[Image, Format, int]]) -> list[dict[str, Any]]:
    """Each case, so many rounds of it."""

    async def all_cases() -> list[dict[str, Any]]:
        found = []
        size = max(image.size for image, _, _ in cases)
        async with guest_bench(folder, served, size) as bench:
            for image, form, rounds in cases:
                took = await bench.run(image, form, rounds)
                print(f"  guest, {image.name}, {form.name}: {_shown(took)}", flush=True)
                found.append({"image": image.name, "bytes": image.size, "format": form.name, "ways": took})
        return found

    return asyncio.run(all_cases())


def _shown(took: dict[str, list[dict[str, Any]]]) -> str:
    return ", ".join(f"{way} {min(run['seconds'] for run in runs):.1f} s" for way, runs in took.items())
