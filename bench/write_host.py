"""Writing to a loop device on the host: image2disk, the expert's pipe, bmaptool and qemu-img, turn about."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.write_images import Format, Image
from bench.write_taking import Taken, take
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.lab.network import stop

PORT = 8093
ADDRESS = f"http://127.0.0.1:{PORT}"
_DD = ("bs=4M", "iflag=fullblock", "oflag=direct", "conv=fsync")
# Our decompressor alone, as wide as the pipeline has it.
_UNPACK = """
import sys
from pathlib import Path
from osie.actions.pipeline.stream import threads
from osie.actions.unpack.decompress import decompressed, kind_of
file = open(sys.argv[1], "rb", buffering=0)
chunks = iter(lambda: file.read(1 << 20), b"")
first = next(chunks)
def all_of_them():
    yield first
    yield from chunks
for piece in decompressed(all_of_them(), kind_of(first), threads=threads()):
    pass
"""
# What the checks cost: SHA-256 of the stored bytes, one pass.
_DIGEST = """
import hashlib, sys
hashlib.file_digest(open(sys.argv[1], "rb", buffering=0), "sha256")
"""


@dataclass(frozen=True)
class Disk:
    """A loop device whose file is on the host's disk, past the page cache."""

    device: str
    file: Path

    def renew(self) -> None:
        """The same state before each run: all of it allocated, none of it written."""
        run(["fallocate", "--zero-range", "--length", str(self.file.stat().st_size), self.file])
        run(["sync", "--file-system", self.file])

    def is_image(self, image: Image) -> bool:
        """Whether it holds the image's bytes."""
        done = run(["cmp", "--bytes", str(image.size), self.device, image.path], check=False)
        return done.returncode == 0


@contextmanager
def loop_device(folder: Path, size: int) -> Iterator[Disk]:
    """A disk of that size."""
    file = folder / "disk"
    run(["fallocate", "--length", str(size), file])
    device = run(["losetup", "--find", "--show", "--direct-io=on", file]).stdout.strip()
    try:
        yield Disk(device, file)
    finally:
        run(["losetup", "--detach", device])
        file.unlink()


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """The folder on ADDRESS."""
    server = subprocess.Popen([sys.executable, "-m", "bench.write_server", str(folder), str(PORT)])
    try:
        probe = ["curl", "-sf", "--retry", "50", "--retry-connrefused", "--retry-delay", "1"]
        run([*probe, "--output", "/dev/null", "--range", "0-0", f"{ADDRESS}/dense.raw"], timeout_s=60)
        yield
    finally:
        stop(server)


@dataclass
class Case:
    """One image in one format."""

    image: Image
    form: Format
    rounds: dict[str, list[Taken]] = field(default_factory=dict)  # by way
    alone: dict[str, Taken] = field(default_factory=dict)  # by stage

    @property
    def stored(self) -> Path:
        """The file that is fetched."""
        return self.image.stored(self.form)


@dataclass(frozen=True)
class Host:
    """Runs cases on a loop device."""

    disk: Disk

    def ways(self, case: Case, bmap: Path) -> dict[str, tuple[Sequence[Sequence[str]], dict[str, str]]]:
        """What writes the case's image: commands, and their environment."""
        url, device = f"{ADDRESS}/{case.stored.name}", self.disk.device
        unpack = [case.form.decompressor] if case.form.decompressor else []
        pipe = [["curl", "-sSf", url], *unpack, ["dd", f"of={device}", *_DD]]
        given = {"IMG_URL": url, "DEST_DISK": device}
        action = [[sys.executable, "-m", "osie.actions.image2disk"]]
        found: dict[str, tuple[Sequence[Sequence[str]], dict[str, str]]] = {
            "image2disk": (action, {**given, "CHECKSUM": f"sha256:{sha256_of_file(case.stored)}"}),
            "pipe": (pipe, {}),
        }
        if case.form.name in ("raw", "gzip", "zstd", "zstd, frames"):
            found["image2disk, manifest"] = (action, {**given, "MANIFEST_URL": f"{url}.manifest"})
            found["bmaptool"] = ([["bmaptool", "--quiet", "copy", "--bmap", str(bmap), url, device]], {})
        if case.form.name == "raw":
            convert = ["qemu-img", "convert", "-n", "-t", "none", "-T", "none", "-f", "raw", "-O", "raw"]
            found["qemu-img, local file"] = ([[*convert, str(case.stored), device]], {})
        return found

    def run(self, case: Case, bmap: Path, rounds: int) -> None:
        """So many rounds of all ways, in turn; each is to leave the image on the disk."""
        ways = self.ways(case, bmap)
        for _ in range(rounds):
            for name, (commands, environment) in ways.items():
                self.disk.renew()
                case.rounds.setdefault(name, []).append(take(commands, env=environment))
                if not self.disk.is_image(case.image):
                    raise OsieError(f"{name} left something else than {case.stored} on {self.disk.device}")

    def stages(self, case: Case) -> None:
        """Each stage alone."""
        url = f"{ADDRESS}/{case.stored.name}"
        case.alone["network"] = take([["curl", "-sSf", "-o", "/dev/null", url]])
        case.alone["digest"] = take([[sys.executable, "-c", _DIGEST, str(case.stored)]])
        if case.form.decompressor:
            case.alone["decompressor, ours"] = take([[sys.executable, "-c", _UNPACK, str(case.stored)]])
            case.alone["decompressor, theirs"] = take([case.form.decompressor], stdin=case.stored)
        self.disk.renew()
        raw = {"IMG_URL": case.image.path.as_uri(), "DEST_DISK": self.disk.device, "READBACK": "off"}
        case.alone["disk, ours"] = take([[sys.executable, "-m", "osie.actions.image2disk"]], env=raw)
        self.disk.renew()
        case.alone["disk, theirs"] = take([["dd", f"if={case.image.path}", f"of={self.disk.device}", *_DD]])
