"""image2disk against real disks: what it writes, what it refuses, and what an interrupted one leaves."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from disk_images import noise

from osie.contracts.action_events import decode
from osie.core.process import run

MIB = 1 << 20
KINDS = ("raw", "gzip", "xz", "bzip2", "zstd")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_written_byte_for_byte(
    kind: str, packed: dict[str, bytes], image: bytes, disk: Path, serve: Any, action: Any
) -> None:
    """All formats arrive as the image, zeroes included; the rest of the disk is left, but for its end."""
    served = serve(packed[kind])
    done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk, CHECKSUM=served.checksum)
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes() == image + b"\xaa" * MIB + bytes(MIB)
    assert served.checksum in done.stdout.splitlines()[-1]
    assert f"wrote {len(image)} bytes ({len(served.body)} fetched)" in done.stdout
    assert "WARNING" not in done.stderr


def test_an_image_as_large_as_the_disk_is_written_to_its_last_byte(
    disk: Path, serve: Any, action: Any, pack: Any
) -> None:
    """The disk's end, which is written last too, gets the image's end."""
    image = noise(8 * MIB)
    served = serve(pack("zstd", image))
    assert action("image2disk", IMG_URL=served.url, DEST_DISK=disk).returncode == 0
    assert disk.read_bytes() == image


@pytest.mark.parametrize("kind", ["raw", "gzip"])
def test_an_image_that_is_shorter_than_its_gpt_says_is_warned_of(
    kind: str, disk: Path, serve: Any, action: Any, pack: Any
) -> None:
    """A raw image that was cut at a sector has no other mark of it."""
    gpt = bytes(512) + b"EFI PART" + bytes(16) + (1).to_bytes(8, "little") + (8191).to_bytes(8, "little")
    whole = gpt + bytes(4 * MIB - len(gpt))
    for image, told in ((whole, False), (whole[: 3 * MIB], True)):
        done = action("image2disk", IMG_URL=serve(pack(kind, image)).url, DEST_DISK=disk)
        assert done.returncode == 0, done.stderr
        assert ("has 3145728 bytes, and its GPT is of a disk of 4194304: cut off?" in done.stderr) is told


def test_progress_is_told_as_events(
    disk: Path, packed: dict[str, bytes], image: bytes, serve: Any, action: Any
) -> None:
    """Events name the phases in order, and count up to all bytes: first those fetched, then those written."""
    served = serve(packed["zstd"])
    done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk, PROGRESS_INTERVAL_SECONDS=0.1)
    events = [event for line in done.stdout.splitlines() if (event := decode(line))]
    phases = ["fetch", "write", "sync", "readback", "verify"]
    assert list(dict.fromkeys(event.phase for event in events)) == phases
    assert next(event for event in events if event.phase == "write").total == len(served.body)
    assert events[-1].done == events[-1].total == len(image)
    assert all("osie.progress" in json.loads(line) for line in done.stdout.splitlines() if line[0] == "{")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupted_install_leaves_nothing_bootable(
    number: signal.Signals,
    status: int,
    image: bytes,
    disk: Path,
    serve: Any,
    start_action: Any,
    assert_not_bootable: Any,
) -> None:
    """Stopped, or killed as by a power cut, before its end: neither the old nor the new system boots."""
    served = serve(image, {"upto": len(image) - 1, "then": "stall"})
    process = start_action("image2disk", IMG_URL=served.url, DEST_DISK=disk, PROGRESS_INTERVAL_SECONDS=0.1)
    for line in iter(process.stdout.readline, ""):
        if '"write"' in line:
            break
    process.send_signal(number)
    assert process.wait(10) == status
    assert_not_bootable(disk)


@pytest.mark.parametrize("kind", ["raw", "gzip", "zstd"])
def test_an_image_larger_than_the_disk_fails(
    kind: str, disk: Path, serve: Any, action: Any, assert_failed: Any, assert_not_bootable: Any, pack: Any
) -> None:
    """Both sizes are named; where the size is known before, the disk isn't touched."""
    served = serve(pack(kind, noise(9 * MIB)))
    done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk)
    assert_failed(done, f"larger than the disk: (at least )?{9 * MIB} bytes, and {disk} has {8 * MIB}")
    if kind == "gzip":
        assert_not_bootable(disk)
    else:
        assert disk.read_bytes() == b"\xaa" * 8 * MIB


def test_a_mounted_disk_is_refused(
    file_system: Path, looked_into: Any, image: bytes, action: Any, serve: Any, assert_failed: Any
) -> None:
    """A disk in use isn't written to, and the line says who uses it."""
    with looked_into(file_system) as folder:
        done = action("image2disk", IMG_URL=serve(image).url, DEST_DISK=file_system)
        assert_failed(done, f"{file_system} is in use: .* mounted at {folder}")


def test_a_read_only_disk_is_refused(
    tmp_path: Path, attach: Any, image: bytes, action: Any, serve: Any, assert_failed: Any
) -> None:
    """The line says so, before anything is fetched."""
    (tmp_path / "ro").write_bytes(bytes(8 * MIB))
    disk = attach(tmp_path / "ro", "--read-only")
    served = serve(image)
    assert_failed(action("image2disk", IMG_URL=served.url, DEST_DISK=disk), "read-only|not permitted")
    assert not served.ranges


def test_a_regular_file_can_stand_in_for_a_disk(
    tmp_path: Path, packed: dict[str, bytes], image: bytes, action: Any
) -> None:
    """Its old content is gone, its size is the image's, and the hole takes no room."""
    (tmp_path / "packed").write_bytes(packed["zstd"])
    target = tmp_path / "target"
    target.write_bytes(b"\xaa" * 20 * MIB)
    done = action("image2disk", IMG_URL=f"file://{tmp_path}/packed", DEST_DISK=target)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == image
    assert target.stat().st_blocks * 512 < len(image) - MIB


def test_a_disk_that_fails_while_it_is_written_fails_the_action(
    tmp_path: Path, attach: Any, serve: Any, action: Any, assert_failed: Any
) -> None:
    """The loop device lies in a tmpfs with too little room: writes are lost, and that is noticed."""
    folder = tmp_path / "small"
    folder.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", folder])
    try:
        with (folder / "disk").open("wb") as file:
            file.truncate(8 * MIB)
        disk = run(["losetup", "--find", "--show", folder / "disk"]).stdout.strip()
        try:
            served = serve(noise(8 * MIB))
            done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk, CHECKSUM=served.checksum)
            assert_failed(done, f"{disk} fails at byte \\d+: Input/output error|full|No space")
        finally:
            run(["losetup", "--detach", disk])
    finally:
        run(["umount", folder])


def test_all_settings_are_checked_before_anything_is_done(action: Any, assert_failed: Any) -> None:
    """Every wrong variable is named in one line."""
    done = action(
        "image2disk",
        IMG_URL="ftp://x/y",
        CHECKSUM="md5:0",
        RETRY_DURATION_MINUTES="soon",
        REQUIRE_VERIFIED="true",
    )
    assert_failed(done, "IMG_URL is.*DEST_DISK is not set.*CHECKSUM is.*RETRY_DURATION_MINUTES is")


def test_verification_can_be_required(
    image: bytes, disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """REQUIRE_VERIFIED=true turns the loud warning into an error."""
    served = serve(image)
    required = action("image2disk", IMG_URL=served.url, DEST_DISK=disk, REQUIRE_VERIFIED="true")
    assert_failed(required, "REQUIRE_VERIFIED is true, and nothing stands for the image")
    assert not served.ranges
    assert "NOT VERIFIED" in action("image2disk", IMG_URL=served.url, DEST_DISK=disk).stderr


def test_an_image_of_half_a_sector_is_refused_before_anything_is_touched(
    image: bytes, disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """Its length is known from the first answer on; with a digest it would be meant so."""
    done = action("image2disk", IMG_URL=serve(image[:-100]).url, DEST_DISK=disk)
    assert_failed(done, "no whole number of 512-byte sectors")
    assert disk.read_bytes() == b"\xaa" * 8 * MIB
