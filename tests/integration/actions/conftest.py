"""Real disks (loop devices) and real actions (processes); the servers are those of tests/unruly.py."""

import bz2
import gzip
import lzma
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zstandard
from disk_images import partitioned
from unruly import Answer, Served, unruly

from osie.actions.mounting import private_namespace
from osie.core.process import clean_environment, run

MIB = 1 << 20
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def _attached(path: Path, *options: str) -> Iterator[Path]:
    device = run(["losetup", "--find", "--show", "--partscan", *options, path]).stdout.strip()
    try:
        yield Path(device)
    finally:
        run(["losetup", "--detach", device])


@pytest.fixture
def attach() -> Iterator[Callable[..., Path]]:
    """Make a loop device of a file; it is detached after the test."""
    with ExitStack() as stack:
        yield lambda path, *options: stack.enter_context(_attached(path, *options))


@pytest.fixture
def disk(tmp_path: Path, attach: Callable[..., Path]) -> Path:
    """A disk of 8 MiB that holds an older system: every byte is 0xAA."""
    file = tmp_path / "disk"
    file.write_bytes(b"\xaa" * 8 * MIB)
    return attach(file)


@pytest.fixture
def file_system(tmp_path: Path, attach: Callable[..., Path]) -> Path:
    """A disk with an ext4 file system, empty but for lost+found."""
    file = tmp_path / "file-system"
    with file.open("wb") as out:
        out.truncate(32 * MIB)
    run(["mkfs.ext4", "-q", "-F", file])
    return attach(file)


@pytest.fixture(scope="session", autouse=True)
def own_mounts() -> None:
    """No test beside us takes copies of our mounts into a namespace of its own: they hold the disks."""
    private_namespace()


@pytest.fixture
def looked_into(tmp_path: Path) -> Callable[..., "object"]:
    """A context manager that mounts a device and gives the folder, to prepare or inspect it."""

    @contextmanager
    def look(device: Path) -> Iterator[Path]:
        folder = tmp_path / "look"
        folder.mkdir(exist_ok=True)
        run(["mount", device, folder])
        try:
            yield folder
        finally:
            run(["umount", folder])

    return look


@pytest.fixture
def start_action() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start an action as a process with exactly this environment; it is ended after the test."""
    with ExitStack() as stack:

        def begin(name: str, **environment: object) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [sys.executable, "-m", f"osie.actions.{name}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=clean_environment({key: str(value) for key, value in environment.items()}),
            )
            stack.callback(_end, process)
            return process

        yield begin


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def action(start_action: Callable[..., "subprocess.Popen[str]"]) -> Run:
    """Run an action to its end."""

    def to_end(name: str, **environment: object) -> "subprocess.CompletedProcess[str]":
        process = start_action(name, **environment)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return to_end


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serve a body over HTTP; each request in turn is answered as an `Answer` with these values."""
    with unruly() as server:
        yield lambda body, *answers: server.serve(body, *(Answer(**answer) for answer in answers))


@pytest.fixture(scope="session")
def image() -> bytes:
    """A raw image of 6 MiB: a partition table, noise, a large hole, more noise."""
    noise = os.urandom(5 * MIB // 2)
    return partitioned(b"BOOT" + noise[4:] + bytes(2 * MIB) + noise[: 3 * MIB // 2])


PACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
    "zstd": zstandard.ZstdCompressor(level=1, write_checksum=True).compress,
}


@pytest.fixture(scope="session")
def pack() -> Callable[[str, bytes], bytes]:
    """Compress as a kind."""
    return lambda kind, data: PACK[kind](data)


@pytest.fixture(scope="session")
def packed(image: bytes) -> dict[str, bytes]:
    """The image in every format."""
    return {kind: compress(image) for kind, compress in PACK.items()}


@pytest.fixture
def assert_not_bootable() -> Callable[[Path], None]:
    """Neither end of the disk holds anything: not the old system, not a part of the new one."""

    def look(disk: Path) -> None:
        content = disk.read_bytes()
        assert content[:MIB] == bytes(MIB)
        assert content[-MIB:] == bytes(MIB)

    return look


@pytest.fixture
def assert_failed() -> Callable[["subprocess.CompletedProcess[str]", str], None]:
    """The action failed, and its last line tells why."""

    def look(done: "subprocess.CompletedProcess[str]", why: str) -> None:
        assert done.returncode == 1, done.stdout
        last = done.stderr.splitlines()[-1]
        assert last.startswith("ERROR: ")
        assert re.search(why, last), last

    return look
