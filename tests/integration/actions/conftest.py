"""Real disks (loop devices), real actions (processes), and an HTTP server that fails as it is told to."""

import bz2
import gzip
import hashlib
import http.server
import lzma
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import zstandard

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


@dataclass
class Served:
    """A body, and how each request in turn is answered; the last answer stays."""

    body: bytes
    answers: list[dict[str, object]]
    ranges: list[str | None] = field(default_factory=list)  # what was asked for
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)  # ends stalled answers

    @property
    def checksum(self) -> str:
        """What CHECKSUM should be."""
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers as `served` says.

    An answer's keys: status, location, body, upto (where it breaks off), then (close, reset, stall),
    length (what it announces; None: nothing), ranges (whether it heeds them), etag, chunked.
    """

    served: Served

    def do_GET(self) -> None:
        """One request."""
        wanted = self.headers.get("Range")
        self.served.ranges.append(wanted)
        answers = self.served.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        status = int(str(answer.get("status", 200)))
        if status != 200:
            self.send_response(status)
            self.send_header("Location", str(answer.get("location", "")))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body, start, stop = answer.get("body", self.served.body), 0, None
        assert isinstance(body, bytes)
        etag = str(answer.get("etag", '"1"'))
        if wanted and answer.get("ranges", True) and self.headers.get("If-Range", etag) == etag:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or len(body)) + 1, len(body))
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(body)}")
        else:
            self.send_response(200)
        self._send(answer, body, slice(start, stop or len(body)), etag)

    def _send(self, answer: dict[str, object], body: bytes, wanted: slice, etag: str) -> None:
        upto = answer.get("upto")
        part = body[wanted.start : min(upto, wanted.stop) if isinstance(upto, int) else wanted.stop]
        self.send_header("ETag", etag)
        if answer.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            part = b"%x\r\n%s\r\n" % (len(part), part) + (b"" if "upto" in answer else b"0\r\n\r\n")
        elif (length := answer.get("length", wanted.stop - wanted.start)) is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(part)
        self.wfile.flush()
        if answer.get("then") == "stall":
            self.served.released.wait(60)
        if answer.get("then") == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of the tests."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serve a body over HTTP on a port of its own, with the answers given."""
    with ExitStack() as stack:

        def begin(body: bytes, *answers: dict[str, object]) -> Served:
            served = Served(body, list(answers) or [{}])
            server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
            served.url = f"http://127.0.0.1:{server.server_address[1]}/image"
            thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            stack.callback(served.released.set)
            return served

        yield begin


@pytest.fixture(scope="session")
def image() -> bytes:
    """A raw image of 6 MiB: a boot sector, noise, a large hole, more noise."""
    noise = os.urandom(5 * MIB // 2)
    return b"BOOT" + noise[4:] + bytes(2 * MIB) + noise[: 3 * MIB // 2]


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
