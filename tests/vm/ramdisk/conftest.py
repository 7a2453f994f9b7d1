"""Machines that are handed their kernel and ramdisk directly, and a rack whose actions do harm."""

import asyncio
import shutil
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import archives
import pytest
import pytest_asyncio
from rack import Rack, boot

import osie
from osie.cli.demo.stage import Stage
from osie.cli.workshop import Workshop, cache_root
from osie.core.cache import Cache, Silent
from osie.image.artifacts.manifest import Manifest
from osie.lab import accelerator, qemu
from osie.lab.machine import VirtualMachine, create_disk
from osie.lab.network import Network
from osie.oci import images

TOOL = "registry.example/tools/raid"  # nobody has that registry
OTHER_TOOL = "tools/show:1"
TOOL_SHOWS = "echo a*; echo d/*; stat -c %u:%g:%a d/own"
MAC = "52:54:00:05:1e:f0"  # of machines that boot directly
HUGE_BYTES = 400 << 20  # unpacked; more than these machines have for their engines

FAULT = '''
"""A test's action: does the harm that FAULT names, and says how far it came; as a hook, that it ran."""
import os, signal, sys, time
from contextlib import suppress
from pathlib import Path

if sys.argv[1:]:
    sys.exit(print("hook:", *sys.argv[1:]))
fault = os.environ["FAULT"]
print("began:", fault, flush=True)
if fault == "engine":
    for name in Path("/proc").glob("[0-9]*/comm"):
        if name.read_text().strip() == os.environ["VICTIM"]:
            os.kill(int(name.parent.name), signal.SIGKILL)
            print("killed", flush=True)
    time.sleep(float(os.environ["LASTS_S"]))  # the engine is to come back while this action still runs
elif fault == "storage":
    with open("/filling", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
elif fault == "flaky":
    with open("/host/attempts", "a+") as file:
        file.write("x")
        file.seek(0)
        attempt = len(file.read())
    print("attempt", attempt)
    sys.exit(attempt < 3)
elif fault == "broken":
    sys.exit("it is broken")
elif fault == "endless":
    time.sleep(10000)
elif fault == "look":
    running = 0
    for process in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it ended meanwhile
            running += b"FAULT=endless" in process.read_bytes()
    print("running:", running)
elif fault == "memory":
    held = []
    while True:
        held.append(b"x" * (1 << 24))
print("ended:", fault, flush=True)
'''


@dataclass(frozen=True)
class Ramdisk:
    """A built ramdisk."""

    folder: Path
    manifest: Manifest

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.folder / "vmlinuz-x86_64"

    @property
    def initramfs(self) -> Path:
        """The ramdisk itself."""
        return self.folder / "initramfs-x86_64"


Ramdisks: TypeAlias = Callable[[str], Ramdisk]  # by their profiles
Booted: TypeAlias = Callable[..., Awaitable[list[str]]]  # until when: see `console`


@pytest.fixture(scope="session")
def ramdisk(tmp_path_factory: pytest.TempPathFactory) -> Ramdisks:
    """The ramdisk of a profile; what is unchanged is not built again."""
    built: dict[str, Ramdisk] = {}

    def build(profile: str) -> Ramdisk:
        if profile not in built:
            folder = tmp_path_factory.mktemp(Path(profile).stem)
            manifest = Workshop.at(cache_root(), Silent()).ramdisk(profile, folder)
            built[profile] = Ramdisk(folder, manifest)
        return built[profile]

    return build


@dataclass(frozen=True)
class Tool:
    """An image of strangers' in a file, whose upper layers remove files of those below."""

    archive: Path
    digests: tuple[str, str]  # of its manifest, and of the index of all platforms

    def profile(self, extends: str) -> Path:
        """One that has it, and an action of ours under a name that no registry has."""
        path = self.archive.with_name(f"{extends}-with-images.toml")
        path.write_text(f"""
            name = "{extends}-with-images"
            extends = "{extends}"
            [[images]]
            name = "{TOOL}:1.2"
            source = "{self.archive.name}"
            [[images]]
            name = "docker.io/{OTHER_TOOL}"
            source = "show.tar"
            [[images]]
            name = "tools/writefile"
            action = "writefile"
            """)
        return path


@pytest.fixture(scope="session")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """As `skopeo copy` or `podman save` would have written it; beside it one as of `docker save`, plain."""
    names = ("sh", "stat")
    links = [archives.entry(f"bin/{name}", tarfile.SYMTYPE, linkname="busybox") for name in names]
    busybox = (archives.entry("bin/busybox", mode=0o755), Path("/bin/busybox").read_bytes())
    lower = archives.tar([busybox, *links, *map(archives.entry, ("a", "a-kept", "d/hidden", "d/hidden-too"))])
    upper = [archives.entry(".wh.a"), archives.entry("d/.wh..wh..opq")]
    own = archives.entry("d/own", uid=7, gid=8, mode=0o4751)
    top = archives.tar({"d/.wh.brief": b"", "d/last": b""})
    layers = [lower, archives.tar([*upper, own, archives.entry("d/brief")]), top]
    image = archives.Image(layers, "gzip", f"{TOOL}:1.2", command=["/bin/sh", "-c", f"cd /; {TOOL_SHOWS}"])
    folder = tmp_path_factory.mktemp("tool")
    only = archives.tar([busybox, *links])
    other = archives.Image([only], name=OTHER_TOOL, command=["/bin/sh", "-c", "echo /*"])
    archives.docker(folder / "show.tar", [other])
    digests = (archives.digest(image.manifest), archives.digest(image.index))
    return Tool(archives.oci_of_platforms(folder / "raid.tar", image), digests)


@pytest.fixture
def network() -> Iterator[Network]:
    """A network with nobody else in it."""
    with Network() as network:
        yield network


@pytest.fixture
def console(network: Network, tmp_path: Path) -> Booted:
    """Boots a kernel and a ramdisk directly until the console shows a pattern, and returns its lines."""

    async def lines(
        kernel: Path,
        initramfs: Path,
        memory_mib: int,
        until: str,
        card: str = "virtio-net-pci",
        parameters: str = "",
    ) -> list[str]:
        disk = tmp_path / "disk.raw"
        create_disk(disk, 64 << 20)
        direct = qemu.Direct(kernel, initramfs, f"console=ttyS0 {parameters}", card)
        hardware = qemu.Hardware("m", MAC, disk, memory_mib=memory_mib, direct=direct)
        log = tmp_path / "console"
        async with VirtualMachine(network, hardware, log=log, accelerated_by=accelerator.best()) as machine:
            await machine.power_on()
            found = await machine.console.wait_for(until, 120)
            lines = machine.console.lines
            # the line that was waited for may have no end yet, and so be none of these
            return [line.text for line in ([*lines, found] if found not in lines else lines)]

    return lines


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images, and two more: an action that does harm, and one whose image is huge."""
    folder = tmp_path_factory.mktemp("layout")
    source = folder / "source/osie"
    shutil.copytree(Path(osie.__file__).parent, source, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("fault", "huge"):
        action = source / "actions" / name
        action.mkdir()
        (action / "__init__.py").touch()
        (action / "__main__.py").write_text(FAULT)
    with (source / "actions/huge/zeros").open("wb") as zeros:
        zeros.truncate(HUGE_BYTES)
    cache = Cache(cache_root() / "build", Silent())
    images.build_all(layout=folder / "images", cache=cache, progress=Silent(), source=source)
    return folder / "images"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rack(
    ramdisk: Ramdisks, tool: Tool, layout: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rack]:
    """Two machines that wait for work, each with the least memory: 0 with Docker, 1 with Podman.

    Both have images in their ramdisks.
    """
    workdir = tmp_path_factory.mktemp("rack")
    (workdir / "images").mkdir()
    docker, podman = (ramdisk(str(tool.profile(name))) for name in ("default", "virtual"))
    async with AsyncExitStack() as stack:
        stage = Stage(workdir, artifacts=docker.folder, layout=layout, images=workdir / "images")
        await stack.enter_async_context(stage)
        rack = Rack(stage, workdir / "images")
        for built in (docker, podman):
            handed = (built.kernel, built.initramfs)
            await stack.enter_async_context(await rack.add(built.manifest.memory_min_mib, handed))
        await asyncio.gather(boot(rack, 0), boot(rack, 1))
        yield rack
