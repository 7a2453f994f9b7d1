"""image2disk and a server that misbehaves: it may fail, clearly, or go on; it must never succeed falsely."""

import re
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


@pytest.mark.parametrize("digest", [True, False], ids=["digest", "no-digest"])
@pytest.mark.parametrize("share", [0.0001, 0.5, 0.99999])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_image_fails(
    kind: str, share: float, digest: bool, packed: dict[str, bytes], serve: Any, fails: Any
) -> None:
    """An image that was cut off before it came to the server is found out, with or without a digest."""
    whole = packed[kind]
    served = serve(whole, {"body": whole[: int(len(whole) * share) | 1]})  # odd: no whole number of sectors
    checked = {"CHECKSUM": served.checksum} if digest else {}
    fails(served, "truncated|cut off|digest is", **checked)


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_always_breaks_fails(
    kind: str, packed: dict[str, bytes], serve: Any, fails: Any
) -> None:
    """A stream that ends before its Content-Length isn't taken for the image."""
    served = serve(packed[kind], {"upto": MIB})
    fails(served, f"connection ended at byte {MIB} of {len(served.body)}", RETRY_ENABLED="false")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_fails(kind: str, packed: dict[str, bytes], serve: Any, fails: Any) -> None:
    """One wrong bit is found by the digest, if not by the format's own checksum before."""
    wrong = bytearray(packed[kind])
    wrong[len(wrong) // 2] ^= 1
    served = serve(packed[kind], {"body": bytes(wrong)})
    fails(served, "digest is sha256|corrupt|truncated", CHECKSUM=served.checksum)


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2", "zstd"])
@pytest.mark.parametrize("garbage", [b"x", bytes(3), b"<html>" * 999], ids=["byte", "zeroes", "page"])
def test_garbage_after_the_end_fails(
    kind: str, garbage: bytes, packed: dict[str, bytes], serve: Any, fails: Any
) -> None:
    """Without a digest too: what follows the compressed data isn't ignored."""
    served = serve(packed[kind] + garbage)
    fails(served, "corrupt|truncated")


def test_a_wrong_raw_checksum_fails(packed: dict[str, bytes], serve: Any, fails: Any) -> None:
    """RAW_CHECKSUM is held against the decompressed bytes."""
    served = serve(packed["xz"])
    wrong = {"RAW_CHECKSUM": f"sha512:{'0' * 128}"}
    fails(served, "RAW_CHECKSUM expects", **wrong)


@pytest.mark.parametrize("extra", [1, 100_000])
def test_a_content_length_that_is_too_long_fails(
    extra: int, packed: dict[str, bytes], serve: Any, fails: Any
) -> None:
    """Bytes that were announced and don't exist are missed."""
    served = serve(packed["raw"], {"length": len(packed["raw"]) + extra})
    fails(served, "416|connection ended", **QUICK)


@pytest.mark.parametrize("kind", KINDS)
def test_a_content_length_that_is_too_short_fails(
    kind: str, packed: dict[str, bytes], serve: Any, fails: Any
) -> None:
    """A client stops at Content-Length; what it has isn't an image."""
    served = serve(packed[kind], {"length": len(packed[kind]) - 100})
    fails(served, "truncated|cut off|sends more than")


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


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([{"upto": 3 * MIB, "then": "reset"}, {}], 2),
        ([{"upto": 3 * MIB}, {"upto": 4 * MIB}, {}], 3),
        ([{"upto": 3 * MIB, "then": "stall"}, {}], 2),
        ([{"upto": 3 * MIB}, {"status": 500}, {"status": 503}, {}], 4),
        ([{"upto": 3 * MIB}, {"ranges": False}], 2),
        ([{"upto": 0}, {}], 2),
        ([{"upto": 3 * MIB, "chunked": True}, {}], 2),
    ],
    ids=["reset", "twice", "stalled", "500", "no-ranges", "at-once", "chunked"],
)
def test_a_broken_connection_is_taken_up_where_it_broke(
    answers: list[dict[str, object]], asked: int, image: bytes, disk: Path, serve: Any, action: Any
) -> None:
    """Whatever breaks the connection, the image arrives whole, and no byte is asked for twice."""
    served = serve(image, *answers)
    done = action(
        "image2disk",
        IMG_URL=served.url,
        DEST_DISK=disk,
        CHECKSUM=served.checksum,
        STALL_TIMEOUT_SECONDS=0.5,
    )
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: len(image)] == image
    assert len(served.ranges) == asked
    # a reset takes what had arrived and wasn't read yet with it
    resumed = [
        int(match[1]) for wanted in served.ranges if (match := re.match(r"bytes=(\d+)-", wanted or ""))
    ]
    assert all(0 < start <= 4 * MIB for start in resumed)


@pytest.mark.parametrize(
    "again", [{"etag": '"2"'}, {"etag": '"2"', "ranges": False}, {"etag": "", "ranges": False}]
)
def test_an_image_that_changed_meanwhile_fails(
    again: dict[str, object], image: bytes, serve: Any, fails: Any
) -> None:
    """Two halves of two images are none, by the ETag, or without one by the bytes that were had before."""
    other = bytes(len(image))
    served = serve(image, {"upto": 3 * MIB}, {**again, "body": other})
    fails(served, "changed on the server")


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
    served = serve(packed[kind], {"length": None})
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
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if sys.argv[3] == "die":
            self.wfile.write(data[start : len(data) // 2])
            os.kill(os.getpid(), 9)
        self.wfile.write(data[start:])
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
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
