"""qemuimg2disk with images that qemu-img made: what becomes of them on a real disk, and what is refused."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osie.core.process import run

MIB = 1 << 20
Make = Callable[..., bytes]


@pytest.fixture
def make(tmp_path: Path, image: bytes) -> Make:
    """The image in one of qemu-img's formats."""
    raw = tmp_path / "image.raw"
    raw.write_bytes(image)

    def convert(kind: str, *options: str) -> bytes:
        made = tmp_path / f"image.{kind}"
        run(["qemu-img", "convert", "-O", kind, *options, raw, made])
        return made.read_bytes()

    return convert


@pytest.fixture
def large_disk(tmp_path: Path, attach: Callable[..., Path]) -> Path:
    """A disk of 24 MiB that holds an older system: room for an image, and for what it becomes."""
    file = tmp_path / "large-disk"
    file.write_bytes(b"\xaa" * 24 * MIB)
    return attach(file)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("qcow2", ["-c"]), ("qcow2", []), ("vmdk", []), ("vmdk", ["-o", "subformat=streamOptimized"]),
     ("vhdx", ["-o", "log_size=1M,block_size=1M"]), ("vdi", []), ("vpc", ["-o", "force_size=on"])],
)  # fmt: skip
def test_every_format_becomes_the_disk_that_it_is(
    kind: str, options: list[str], make: Make, image: bytes, large_disk: Path, serve: Any, action: Any
) -> None:
    """Byte for byte, and nothing remains of the image that it was made of."""
    served = serve(make(kind, *options))
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk, CHECKSUM=served.checksum)
    assert done.returncode == 0, done.stderr
    content = large_disk.read_bytes()
    assert content[: len(image)] == image
    assert not any(content[-MIB:])
    assert served.body[: 64 << 10] not in content
    assert "WARNING" not in done.stderr


@pytest.mark.parametrize("kind", ["raw", "zstd"])
def test_an_image_that_is_none_of_them_is_written_as_it_is(
    kind: str, packed: dict[str, bytes], image: bytes, disk: Path, serve: Any, action: Any
) -> None:
    """Upstream's action takes raw images too."""
    served = serve(packed[kind])
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=disk, EXTRA_ARGS="-p -W")
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: len(image)] == image
    assert "EXTRA_ARGS" in done.stderr


def test_a_wrong_digest_is_found_before_qemu_reads_it(
    make: Make, large_disk: Path, serve: Any, action: Any, assert_failed: Any, assert_not_bootable: Any
) -> None:
    """What isn't the image that was meant never gets to whoever knows its format."""
    served = serve(make("qcow2"))
    wrong = {"CHECKSUM": f"sha256:{'0' * 64}"}
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk, **wrong)
    assert_failed(done, "digest is sha256")
    assert "writing" not in done.stdout
    assert_not_bootable(large_disk)


def test_a_raw_digest_is_of_what_it_becomes(
    make: Make,
    image: bytes,
    large_disk: Path,
    serve: Any,
    action: Any,
    assert_failed: Any,
    assert_not_bootable: Any,
) -> None:
    """RAW_CHECKSUM stands for the disk, whatever it is made of."""
    served = serve(make("qcow2", "-c"))
    given = {"IMG_URL": served.url, "DEST_DISK": large_disk, "REQUIRE_VERIFIED": "true"}
    done = action("qemuimg2disk", RAW_CHECKSUM=f"sha256:{hashlib.sha256(image).hexdigest()}", **given)
    assert done.returncode == 0, done.stderr
    done = action("qemuimg2disk", RAW_CHECKSUM=f"sha256:{hashlib.sha256(b'x').hexdigest()}", **given)
    assert_failed(done, "the decompressed image's digest is")
    assert_not_bootable(large_disk)


def test_an_image_that_needs_other_files_is_refused(
    tmp_path: Path, make: Make, large_disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """A backing file is one of the machine's own: nothing of it is read, and the disk is as it was."""
    make("qcow2")
    secret, overlay = tmp_path / "image.qcow2", tmp_path / "overlay.qcow2"
    run(["qemu-img", "create", "-f", "qcow2", "-F", "qcow2", "-b", secret, overlay])
    served = serve(overlay.read_bytes())
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk)
    assert_failed(done, "backing file")
    assert large_disk.read_bytes() == b"\xaa" * 24 * MIB


def test_a_disk_without_room_for_both_is_refused(
    make: Make, disk: Path, serve: Any, action: Any, assert_failed: Any, assert_not_bootable: Any
) -> None:
    """The image and what it becomes lie on the disk for a while, side by side."""
    served = serve(make("qcow2"))
    assert_failed(action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=disk), "larger than the disk")
    assert_not_bootable(disk)


def test_a_regular_file_can_stand_in_for_a_disk(
    tmp_path: Path, make: Make, image: bytes, serve: Any, action: Any
) -> None:
    """It grows as large as the image becomes; nothing is left beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "disk").touch()
    served = serve(make("qcow2", "-c"))
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=folder / "disk")
    assert done.returncode == 0, done.stderr
    assert (folder / "disk").read_bytes() == image
    assert [path.name for path in folder.iterdir()] == ["disk"]


def test_a_format_that_no_disk_has_is_refused(action: Any, assert_failed: Any) -> None:
    """FORMAT is what is written: a disk takes the bytes as they are. All that is wrong is told at once."""
    assert_failed(action("qemuimg2disk", FORMAT="qcow2", DEST_DISK="/dev/x"), "FORMAT.*IMG_URL is not set")
