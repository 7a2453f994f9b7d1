"""image2disk and a server that misbehaves: it may fail, clearly, or go on; it must never succeed falsely."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MIB = 1 << 20
KINDS = ("raw", "gzip", "xz", "bzip2", "zstd")
QUICK: dict[str, object] = {"RETRY_DURATION_MINUTES": 0.02, "STALL_TIMEOUT_SECONDS": 0.5}


@pytest.fixture
def fails(disk: Path, action: Any, assert_failed: Any, assert_not_bootable: Any) -> Callable[..., None]:
    """image2disk of what is served ends in these words, and leaves nothing that boots."""

    def check(served: Any, words: str, **environment: object) -> None:
        assert_failed(action("image2disk", IMG_URL=served.url, DEST_DISK=disk, **environment), words)
        assert_not_bootable(disk)

    return check


def test_a_wrong_raw_checksum_fails(packed: dict[str, bytes], serve: Any, fails: Any) -> None:
    """RAW_CHECKSUM is held against the decompressed bytes."""
    served = serve(packed["xz"])
    wrong = {"RAW_CHECKSUM": f"sha512:{'0' * 128}"}
    fails(served, "RAW_CHECKSUM expects", **wrong)


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_refusal_is_final_and_leaves_the_disk_alone(
    status: int, disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """4xx: no second try, a line that says it, and the old system untouched, since nothing had begun."""
    served = serve(b"", {"status": status})
    done = action("image2disk", IMG_URL=f"{served.url}?signature=secret", DEST_DISK=disk)
    assert_failed(done, f"{served.url}: the server answers {status}")
    assert "secret" not in done.stdout + done.stderr
    assert len(served.ranges) == 1
    assert disk.read_bytes() == b"\xaa" * 8 * MIB


def test_a_server_that_stays_broken_fails_when_patience_is_over(
    disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """5xx is tried again, for RETRY_DURATION_MINUTES."""
    served = serve(b"", {"status": 500})
    assert_failed(
        action("image2disk", IMG_URL=served.url, DEST_DISK=disk, **QUICK), "500.*gave up after 1.2 s"
    )
    assert len(served.ranges) == 2


def test_a_redirect_is_followed(disk: Path, image: bytes, serve: Any, action: Any) -> None:
    """Mirrors redirect."""
    target = serve(image)
    served = serve(b"", {"status": 302, "location": target.url})
    assert action("image2disk", IMG_URL=served.url, DEST_DISK=disk).returncode == 0
    assert disk.read_bytes()[: len(image)] == image


@pytest.mark.parametrize(("kind", "status"), [("raw", 1), ("zstd", 0)])
def test_a_stream_without_a_length_needs_another_way_to_know_its_end(
    kind: str, status: int, packed: dict[str, bytes], disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """A raw image whose end nothing marks is refused; a compressed one marks its own."""
    served = serve(packed[kind], {"sized": False, "ranges": False})
    done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk)
    assert done.returncode == status, done.stderr
    if status:
        assert_failed(done, "nothing could tell this raw image from a part of it")


_SERVER = """
import http.server, os, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        data = open(sys.argv[2], "rb").read()
        wanted = self.headers.get("Range")
        first, _, last = (wanted or "bytes=0-")[6:].partition("-")
        start, stop = int(first), min(int(last or len(data)) + 1, len(data))
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.end_headers()
        if sys.argv[3] == "die" and (start or not wanted):
            self.wfile.write(data[start : (start + stop) // 2])
            os.kill(os.getpid(), 9)
        self.wfile.write(data[start:stop])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_server_that_is_killed_and_comes_back_is_survived(
    disk: Path, image: bytes, tmp_path: Path, start_action: Any
) -> None:
    """SIGKILL in the middle of the image, refused connections, a new process: the image arrives whole."""
    (tmp_path / "image").write_bytes(image)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = [sys.executable, "-c", _SERVER, str(port), str(tmp_path / "image")]
    with subprocess.Popen([*argv, "die"], stderr=subprocess.DEVNULL) as first:
        # connection refused is tried again from the first moment on, so nobody waits for the server's start
        installing = start_action("image2disk", IMG_URL=f"http://127.0.0.1:{port}/image", DEST_DISK=disk)
        assert first.wait(20) == -signal.SIGKILL
    said = iter(installing.stderr.readline, "")
    assert any("refused" in line and "at byte 0 " not in line for line in said)
    with subprocess.Popen([*argv, "live"], stderr=subprocess.DEVNULL) as second:
        try:
            assert installing.wait(30) == 0
        finally:
            second.kill()
    assert disk.read_bytes()[: len(image)] == image
