"""qemuimg2disk with images that qemu-img made: what becomes of them on a real disk, and what is refused."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard

from osie.actions import zeroes
from osie.actions.qemuimg2disk import nbd
from osie.core.process import run

MIB = 1 << 20
OLD = b"\xaa" * 28 * MIB
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
    """A disk of 28 MiB that holds an older system: room for an image, and for what it becomes."""
    file = tmp_path / "large-disk"
    file.write_bytes(OLD)
    return attach(file)


FORMATS = [
    "qcow2",
    "qcow2 -c",
    "qcow2 -o compat=0.10",
    "qcow2 -c -o compression_type=zstd",
    "qcow2 -o extended_l2=on",
    "qcow2 -o refcount_bits=1,cluster_size=512",
    "vmdk",
    "vmdk -o subformat=streamOptimized",
    "vhdx -o log_size=1M,block_size=1M",
    "vhdx -o subformat=fixed,log_size=1M,block_size=1M",
    "vdi",
    "vdi -o static=on",
    "vpc -o force_size=on",
    "vpc",
    "vpc -o subformat=fixed",
]


@pytest.mark.parametrize("made_by", FORMATS)
def test_every_format_becomes_the_disk_that_it_is(
    made_by: str, make: Make, image: bytes, large_disk: Path, tmp_path: Path, serve: Any, action: Any
) -> None:
    """Byte for byte as qemu-img converts it, and nothing remains of the image that it was made of."""
    kind, *options = made_by.split()
    served = serve(make(kind, *options))
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk, CHECKSUM=served.checksum)
    assert done.returncode == 0, done.stderr
    run(["qemu-img", "convert", "-O", "raw", tmp_path / f"image.{kind}", tmp_path / "expected"])
    expected, content = (tmp_path / "expected").read_bytes(), large_disk.read_bytes()
    assert expected.startswith(image)
    assert content.startswith(expected)
    assert not any(content[-MIB:])
    assert served.body[: 64 << 10] not in content[len(expected) :]
    assert "WARNING" not in done.stderr


@pytest.mark.parametrize("changed", [["resize", "-q", "IMAGE", "9M"], ["snapshot", "-c", "one", "IMAGE"]])
def test_a_length_that_is_no_whole_number_of_sectors(
    changed: list[str], tmp_path: Path, make: Make, large_disk: Path, serve: Any, action: Any
) -> None:
    """Each qcow2 that was resized or has a snapshot has such a length."""
    make("qcow2", "-o", "cluster_size=1k")  # so small that even 9 MiB need another L1 table, at the end
    file = tmp_path / "image.qcow2"
    run(["qemu-img", *(str(file) if word == "IMAGE" else word for word in changed)])
    body = file.read_bytes()
    assert len(body) % 512
    done = action("qemuimg2disk", IMG_URL=serve(body).url, DEST_DISK=large_disk)
    assert done.returncode == 0, done.stderr
    run(["qemu-img", "convert", "-O", "raw", file, tmp_path / "expected"])
    assert large_disk.read_bytes().startswith((tmp_path / "expected").read_bytes())


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
    "zstd": zstandard.ZstdCompressor(level=1).compress,
    "zstd without size": lambda data: zstandard.ZstdCompressor(level=1, write_content_size=False).compress(
        data
    ),
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize(
    ("kind", "compression"),
    [*(("qcow2", compression) for compression in COMPRESS), ("vmdk", "xz"), ("vdi", "gzip"),
     ("vpc", "bzip2"), ("vhdx", "zstd")],
)  # fmt: skip
def test_a_compressed_image_is_decompressed_while_it_is_fetched(
    kind: str, compression: str, make: Make, image: bytes, large_disk: Path, serve: Any, action: Any
) -> None:
    """As most systems publish theirs. CHECKSUM is of the file as it's stored, RAW_CHECKSUM of the disk."""
    options = {"vpc": ["-o", "force_size=on"], "vhdx": ["-o", "log_size=1M,block_size=1M"]}
    served = serve(COMPRESS[compression](make(kind, *options.get(kind, []))))
    raw = f"sha256:{hashlib.sha256(image).hexdigest()}"
    given = {"IMG_URL": served.url, "DEST_DISK": large_disk, "CHECKSUM": served.checksum}
    done = action("qemuimg2disk", RAW_CHECKSUM=raw, **given)
    assert done.returncode == 0, done.stderr
    assert f" bytes ({len(served.body)} fetched) to " in done.stdout
    content = large_disk.read_bytes()
    assert content.startswith(image)
    assert not any(content[-MIB:])


def test_bytes_behind_a_compressed_image_are_borne_where_a_digest_holds(
    make: Make, image: bytes, large_disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """As image2disk does; without a digest they are an error."""
    served = serve(COMPRESS["gzip"](make("qcow2")) + b"a signature of somebody's")
    given = {"IMG_URL": served.url, "DEST_DISK": large_disk}
    assert_failed(action("qemuimg2disk", **given), "something else follows|bytes follow")
    done = action("qemuimg2disk", CHECKSUM=served.checksum, **given)
    assert done.returncode == 0, done.stderr
    assert "25 bytes follow the end of the gzip data" in done.stderr
    assert large_disk.read_bytes().startswith(image)


def test_an_empty_image_is_an_empty_disk(tmp_path: Path, large_disk: Path, serve: Any, action: Any) -> None:
    """It is a disk by its format, whatever is on it."""
    file = tmp_path / "empty.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", file, "16M"])
    done = action("qemuimg2disk", IMG_URL=serve(file.read_bytes()).url, DEST_DISK=large_disk)
    assert done.returncode == 0, done.stderr
    assert not any(large_disk.read_bytes()[: 16 * MIB])


def test_a_compressed_image_that_outgrows_its_place_is_an_error(
    make: Make, disk: Path, serve: Any, action: Any, assert_failed: Any, assert_not_bootable: Any
) -> None:
    """Nobody can know its size before; nothing of it comes to lie where the new system goes, or boots."""
    done = action("qemuimg2disk", IMG_URL=serve(COMPRESS["gzip"](make("qcow2"))).url, DEST_DISK=disk)
    assert_failed(done, "larger than what is left of .* behind the 6291456 bytes that it becomes: 1048576")
    content = disk.read_bytes()
    assert content[MIB : 6 * MIB] == b"\xaa" * 5 * MIB
    assert not any(content[6 * MIB :])
    assert_not_bootable(disk)


def test_a_compressed_image_that_is_cut_off_is_an_error(
    make: Make, large_disk: Path, serve: Any, action: Any, assert_failed: Any, assert_not_bootable: Any
) -> None:
    """Its end is looked for before qemu sees it."""
    served = serve(COMPRESS["xz"](make("qcow2"))[:-MIB])
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk)
    assert_failed(done, "truncated: its xz data stops in the middle")
    assert "writing" not in done.stdout
    assert_not_bootable(large_disk)


@pytest.mark.parametrize(
    "made_by",
    ["qcow2", "qcow2 -c", "vmdk", "vdi", "vpc -o force_size=on", "vhdx -o log_size=1M,block_size=1M"],
)
def test_a_truncated_image_is_refused_before_anything_is_touched(
    made_by: str, make: Make, assert_refused: Any
) -> None:
    """Its tables name data behind its end, where QEMU reads zeroes for most formats and says nothing."""
    kind, *options = made_by.split()
    body = make(kind, *options)
    assert_refused(body[: len(body) * 3 // 4], "the image is truncated: it has [0-9]+ bytes, and its tables")


@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vdi"])
def test_an_image_that_was_truncated_before_it_was_compressed_is_an_error(
    kind: str,
    make: Make,
    large_disk: Path,
    serve: Any,
    action: Any,
    assert_failed: Any,
    assert_not_bootable: Any,
) -> None:
    """That shows when all of it is here; a digest of the compressed file doesn't tell it."""
    body = make(kind)
    served = serve(COMPRESS["xz"](body[: len(body) * 3 // 4]))
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk, CHECKSUM=served.checksum)
    assert_failed(done, "the image is truncated: it has [0-9]+ bytes, and its tables")
    assert "writing" not in done.stdout
    assert_not_bootable(large_disk)


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


@pytest.fixture
def assert_refused(
    large_disk: Path, serve: Any, action: Any, assert_failed: Any
) -> Callable[[bytes, str], None]:
    """The image is refused for that reason, and every byte of the disk is as it was."""

    def look(body: bytes, why: str) -> None:
        done = action("qemuimg2disk", IMG_URL=serve(body).url, DEST_DISK=large_disk)
        assert_failed(done, why)
        assert large_disk.read_bytes() == OLD

    return look


def test_an_image_that_needs_other_files_is_refused(tmp_path: Path, make: Make, assert_refused: Any) -> None:
    """A backing file is one of the machine's own: nothing of it is read, and the disk is as it was."""
    make("qcow2")
    secret, overlay = tmp_path / "image.qcow2", tmp_path / "overlay.qcow2"
    run(["qemu-img", "create", "-f", "qcow2", "-F", "qcow2", "-b", secret, overlay])
    assert_refused(overlay.read_bytes(), "backing file")
    make("vmdk")
    overlay = tmp_path / "overlay.vmdk"
    run(["qemu-img", "create", "-f", "vmdk", "-F", "vmdk", "-b", tmp_path / "image.vmdk", overlay])
    assert_refused(COMPRESS["gzip"](overlay.read_bytes()), "has a parent")


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vdi", "vpc -o force_size=on", "vhdx -o log_size=1M"])
def test_an_image_of_a_larger_disk_is_refused_before_anything_is_touched(
    kind: str, compression: str, tmp_path: Path, assert_refused: Any
) -> None:
    """What it becomes stands in its first bytes. Both sizes are told."""
    file = tmp_path / "large"
    run(["qemu-img", "create", "-q", "-f", *kind.split(), file, "8G"])
    body = file.read_bytes()
    why = "the image is larger than the disk: 8589934592 bytes, and /dev/loop[0-9]+ has 29360128"
    assert_refused(COMPRESS[compression](body) if compression else body, why)


def test_a_disk_without_room_for_both_is_refused_before_anything_is_touched(
    make: Make, disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """The image and what it becomes lie on the disk for a while, one behind the other."""
    body = make("qcow2")
    why = f"becomes 6291456 bytes, and {len(body)} that it's made of .* has 8388608"
    assert_failed(action("qemuimg2disk", IMG_URL=serve(body).url, DEST_DISK=disk), why)
    zstd = serve(COMPRESS["zstd"](body))  # tells its size in front
    assert_failed(action("qemuimg2disk", IMG_URL=zstd.url, DEST_DISK=disk), why)
    assert disk.read_bytes() == b"\xaa" * 8 * MIB


@pytest.mark.parametrize("missing", ["RAW_CHECKSUM", "MANIFEST_URL"])
def test_what_stands_for_the_disk_is_had_before_anything_is_touched(
    missing: str, make: Make, large_disk: Path, serve: Any, action: Any, assert_failed: Any
) -> None:
    """A list of digests or a manifest that isn't there is told while the old system still boots."""
    away = serve(b"", {"status": 404})
    served = serve(make("qcow2", "-c"))
    given = {missing: f"{away.url}#x" if missing == "RAW_CHECKSUM" else away.url}
    done = action("qemuimg2disk", IMG_URL=served.url, DEST_DISK=large_disk, **given)
    assert_failed(done, "404")
    assert large_disk.read_bytes() == OLD


def test_an_ova_is_refused_with_what_to_do(make: Make, assert_refused: Any) -> None:
    """It is a tar archive that holds the disk, compressed or not."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as ova:
        for name, content in (("vm.ovf", b"<Envelope/>"), ("disk1.vmdk", make("vmdk"))):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            ova.addfile(member, io.BytesIO(content))
    for body in (archive.getvalue(), COMPRESS["gzip"](archive.getvalue())):
        assert_refused(body, "is an OVA.*unpack it by `tar -xf`, and give the URL of the .vmdk")


@pytest.mark.parametrize("kind", ["qed", "parallels", "qcow"])
def test_other_formats_of_qemus_are_refused(kind: str, make: Make, assert_refused: Any) -> None:
    """Nobody publishes them; they aren't written as if they were raw."""
    assert_refused(make(kind), f"the image is (a |){kind}|Parallels|QED")


def test_what_qemu_says_of_a_damaged_image_is_told(
    make: Make, large_disk: Path, serve: Any, action: Any, assert_failed: Any, assert_not_bootable: Any
) -> None:
    """Its own words, and not only that it went away."""
    body = bytearray(make("qcow2"))
    body[20:24] = b"\xff" * 4  # how large a cluster is (qemu, docs/interop/qcow2.txt)
    done = action("qemuimg2disk", IMG_URL=serve(bytes(body)).url, DEST_DISK=large_disk)
    assert_failed(done, "the image can't be read: Unsupported cluster size")
    assert_not_bootable(large_disk)


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


def test_a_hole_is_named_and_not_read(tmp_path: Path) -> None:
    """A terabyte of nothing takes minutes: nobody makes its zeroes, sends or compares them."""
    file = tmp_path / "empty.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", file, "1G"])
    with nbd.shown("qcow2", {"driver": "file", "filename": str(file)}) as source:
        pieces = list(source.chunks())
    assert len(pieces) == 1024
    assert all(piece is zeroes.PIECE for piece in pieces)


def test_holes_between_data_are_where_they_were(tmp_path: Path) -> None:
    """Clusters of 512 bytes, any of them a hole, also where a request ends."""
    clusters = [os.urandom(512) if random.getrandbits(1) else bytes(512) for _ in range(5000)]
    (tmp_path / "raw").write_bytes(b"".join(clusters))
    file = tmp_path / "image.qcow2"
    run(["qemu-img", "convert", "-O", "qcow2", "-S", "512", "-o", "cluster_size=512", tmp_path / "raw", file])
    with nbd.shown("qcow2", {"driver": "file", "filename": str(file)}) as source:
        assert b"".join(source.chunks()) == b"".join(clusters)
        assert b"".join(source.chunks(700, 1_300_000)) == b"".join(clusters)[700:1_300_000]
