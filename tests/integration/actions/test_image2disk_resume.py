"""image2disk with a manifest: goes on where an earlier run was cut off, and fetches no more than it needs."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from disk_images import noise

from osie.contracts.action_events import decode
from osie.contracts.image_manifest import BLOCK_BYTES, ImageManifest, Stored

MIB = 1 << 20
BLOCK = BLOCK_BYTES
KINDS = ("raw", "gzip", "zstd")


@pytest.fixture(scope="module")
def content() -> bytes:
    """An image of 26 MiB: 6 blocks and a half."""
    return noise(26 * MIB)


@pytest.fixture(scope="module")
def sparse(content: bytes) -> bytes:
    """The same with 17 MiB of zeroes, blocks 2 to 4 among them."""
    return content[: 5 * MIB] + bytes(17 * MIB) + content[: 4 * MIB]


@pytest.fixture
def large(tmp_path: Path, attach: Callable[..., Path]) -> Path:
    """A disk of 32 MiB that holds an older system."""
    file = tmp_path / "large"
    file.write_bytes(b"\xaa" * 32 * MIB)
    return attach(file)


def _frames(content: bytes) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """zstd, a frame for each 3 MiB; where they begin."""
    out, points = b"", []
    for start in range(0, len(content), 3 * MIB):
        if start:
            points.append((len(out), start))
        out += zstandard.compress(content[start : start + 3 * MIB], 1)
    return out, tuple(points)


@pytest.fixture
def offer(tmp_path: Path, serve: Any, pack: Any) -> Callable[..., tuple[Any, dict[str, str]]]:
    """Serve an image with its manifest: the server, and image2disk's environment."""

    def begin(content: bytes, kind: str, *answers: dict[str, object]) -> tuple[Any, dict[str, str]]:
        body, points = _frames(content) if kind == "zstd" else (pack(kind, content), ())
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        blocks = [content[start : start + BLOCK] for start in range(0, len(content), BLOCK)]
        manifest = ImageManifest.of(
            raw_size=len(content),
            hashes=b"".join(hashlib.sha256(block).digest() for block in blocks),
            stored=Stored(len(body), digest, kind, points),
        )
        (tmp_path / "manifest").write_bytes(manifest.encode())
        served = serve(body, *answers)
        return served, {"IMG_URL": served.url, "MANIFEST_URL": f"file://{tmp_path}/manifest"}

    return begin


def _put(disk: Path, start: int, data: bytes) -> None:
    with disk.open("r+b") as file:
        file.seek(start)
        file.write(data)
        os.fsync(file.fileno())


def _cut_off(disk: Path, content: bytes, blocks: int) -> None:
    """What a run leaves whose machine lost power: blocks 1 to `blocks` are there, and the ends are not."""
    _put(disk, BLOCK, content[BLOCK : (blocks + 1) * BLOCK])
    _put(disk, 0, bytes(MIB))
    _put(disk, 31 * MIB, bytes(MIB))


def _fetched(done: Any) -> int:
    return int(re.findall(r"\((\d+) fetched\)", done.stdout)[-1])


def _phases(done: Any) -> dict[str, int]:
    """Each phase's last count."""
    events = [event for line in done.stdout.splitlines() if (event := decode(line))]
    return {event.phase: event.done for event in events}


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_is_written_and_read_back_whole(
    kind: str, content: bytes, large: Path, offer: Any, action: Any
) -> None:
    """Every block is right before it's written, and again when all is."""
    _, environment = offer(content, kind)
    done = action("image2disk", DEST_DISK=large, REQUIRE_VERIFIED="false", **environment)
    assert done.returncode == 0, done.stderr
    assert large.read_bytes()[: len(content)] == content
    assert list(_phases(done)) == ["fetch", "resume", "write", "sync", "readback", "verify"]
    assert "going on from there" not in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_is_neither_fetched_nor_written_again(
    kind: str, content: bytes, large: Path, offer: Any, action: Any
) -> None:
    """By Range from the manifest's last point; only gzip of one member is decompressed from its start."""
    _cut_off(large, content, 4)
    _put(large, 5 * BLOCK + 1, b"wrong")
    served, environment = offer(content, kind)
    done = action("image2disk", DEST_DISK=large, **environment)
    assert done.returncode == 0, done.stderr
    assert "has the first 21.0 MB of 27.3 MB already" in done.stdout
    assert large.read_bytes()[: len(content)] == content
    if kind != "gzip":
        assert _fetched(done) < len(served.body) - 2 * BLOCK


def test_a_complete_disk_gets_its_ends_again(content: bytes, large: Path, offer: Any, action: Any) -> None:
    """Where power was lost just before the ends were written, block 0 is all that's fetched."""
    _cut_off(large, content, 6)
    _, environment = offer(content, "raw")
    done = action("image2disk", DEST_DISK=large, **environment)
    assert done.returncode == 0, done.stderr
    assert large.read_bytes()[: len(content)] == content
    assert _fetched(done) == BLOCK


def test_a_resumed_disk_is_checked_as_a_whole(
    content: bytes, large: Path, offer: Any, action: Any, assert_failed: Any, assert_not_bootable: Any
) -> None:
    """A digest of the stored bytes wants to see them all: they are fetched, and those missing are written."""
    _cut_off(large, content, 4)
    served, environment = offer(content, "zstd")
    done = action("image2disk", DEST_DISK=large, CHECKSUM=served.checksum, **environment)
    assert done.returncode == 0, done.stderr
    assert large.read_bytes()[: len(content)] == content
    assert _fetched(done) == len(served.body)
    wrong = f"sha512:{'0' * 128}"
    assert_failed(action("image2disk", DEST_DISK=large, RAW_CHECKSUM=wrong, **environment), "RAW_CHECKSUM")
    assert_not_bootable(large)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_block_is_never_written(
    kind: str, content: bytes, large: Path, offer: Any, action: Any, assert_failed: Any
) -> None:
    """One bit in block 5: everything before it is on the disk, nothing of it, and the disk doesn't boot."""
    _, environment = offer(content, kind)
    changed = bytearray(content)
    changed[5 * BLOCK + 77] ^= 1
    served, _ = offer(content, kind)
    other, _ = offer(bytes(changed), kind)
    offer(content, kind)  # the manifest again
    done = action("image2disk", **{**environment, "IMG_URL": other.url, "DEST_DISK": str(large)})
    assert_failed(done, "isn't the one of its manifest: block 5 differs")
    found = large.read_bytes()
    assert found[5 * BLOCK : 6 * BLOCK] == b"\xaa" * BLOCK
    assert found[:MIB] == found[-MIB:] == bytes(MIB)
    assert served.body != other.body


def test_zeroes_are_not_fetched_of_a_raw_image(sparse: bytes, large: Path, offer: Any, action: Any) -> None:
    """The manifest knows them: 12 MiB of 26 aren't asked for, and are zeroes where the old system was."""
    _, environment = offer(sparse, "raw")
    done = action("image2disk", DEST_DISK=large, **environment)
    assert done.returncode == 0, done.stderr
    assert large.read_bytes()[: len(sparse)] == sparse
    assert _fetched(done) <= len(sparse) - 3 * BLOCK


def test_a_regular_file_is_gone_on_with(tmp_path: Path, content: bytes, offer: Any, action: Any) -> None:
    """As a disk is; it ends with the image."""
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(MIB) + content[MIB : 17 * MIB] + bytes(20 * MIB))
    _, environment = offer(content, "raw")
    done = action("image2disk", DEST_DISK=disk, **environment)
    assert done.returncode == 0, done.stderr
    assert "has the first 16.8 MB of 27.3 MB already" in done.stdout
    assert disk.read_bytes() == content


def test_a_server_without_ranges_sends_all_again(
    content: bytes, large: Path, offer: Any, action: Any
) -> None:
    """Then what is there is passed over; the result is the same."""
    _cut_off(large, content, 4)
    served, environment = offer(content, "raw", {"ranges": False})
    done = action("image2disk", DEST_DISK=large, **environment)
    assert done.returncode == 0, done.stderr
    assert large.read_bytes()[: len(content)] == content
    assert _fetched(done) == len(served.body)


def test_a_manifest_of_another_image_is_found_at_once(
    content: bytes, sparse: bytes, large: Path, offer: Any, action: Any, assert_failed: Any
) -> None:
    """At block 0, before the disk is touched."""
    _, environment = offer(sparse[::-1], "raw")
    served, _ = offer(content, "zstd")
    offer(sparse[::-1], "raw")
    done = action("image2disk", **{**environment, "IMG_URL": served.url, "DEST_DISK": str(large)})
    assert_failed(done, "block 0 differs")
    assert large.read_bytes() == b"\xaa" * 32 * MIB
