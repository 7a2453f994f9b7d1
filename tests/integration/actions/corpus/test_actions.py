"""The actions, given what is no disk image: refused before the disk is touched, or meant and written."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from disk_images import noise
from integration.actions.corpus.strangers import converted, made

OLD = b"\xaa" * (8 << 20)  # what is on the disk
_OPENWRT = b'\0\0\0\0{"metadata_version": "1.1"}\nFWx0'  # fwtool's, behind a release's image


def _tar(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture(scope="module")
def tar() -> bytes:
    """A disk image in an archive, as people publish it."""
    return _tar("os.raw", noise(1 << 20))


@pytest.mark.parametrize("kind", ["raw", "gzip", "xz", "bzip2", "zstd"])
@pytest.mark.parametrize("vouched", [True, False])
def test_a_tar_is_refused_inside_every_compression(
    kind: str, vouched: bool, tar: bytes, pack: Any, serve: Any, action: Any, disk: Path, assert_failed: Any
) -> None:
    """With a digest, too: it says which bytes are meant, not what they are."""
    served = serve(pack(kind, tar))
    digest = {"CHECKSUM": served.checksum} if vouched else {}
    done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk, **digest)
    assert_failed(done, "no disk's content: it is a tar archive .'os.raw' comes first.*archive2disk")
    assert disk.read_bytes() == OLD


@pytest.mark.parametrize("kind", ["vdi", "vpc", "qcow2", "vmdk", "vhdx"])
def test_what_qemuimg2disk_takes_is_handed_to_it(
    kind: str, tmp_path: Path, serve: Any, action: Any, disk: Path, assert_failed: Any
) -> None:
    """Every format that it knows is refused by image2disk, with its name."""
    served = serve(made(converted(kind), tmp_path))
    done = action("image2disk", IMG_URL=served.url, DEST_DISK=disk, CHECKSUM=served.checksum)
    assert_failed(done, "qemuimg2disk writes it")
    assert disk.read_bytes() == OLD


@pytest.mark.parametrize("name", ["image2disk", "qemuimg2disk"])
def test_who_means_it_says_so(
    name: str, tar: bytes, serve: Any, action: Any, disk: Path, assert_failed: Any
) -> None:
    """IMAGE_KIND=any writes whatever it is; another word is an error."""
    served = serve(gzip.compress(tar, 1))
    assert_failed(action(name, IMG_URL=served.url, DEST_DISK=disk, IMAGE_KIND="tar"), "IMAGE_KIND is 'tar'")
    done = action(name, IMG_URL=served.url, DEST_DISK=disk, IMAGE_KIND="any", CHECKSUM=served.checksum)
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: len(tar)] == tar


@pytest.mark.parametrize("behind", [bytes(511), _OPENWRT], ids=["zeroes", "OpenWrt"])
@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd"])
def test_what_follows_the_end(
    behind: bytes, kind: str, pack: Any, image: bytes, serve: Any, action: Any, disk: Path, assert_failed: Any
) -> None:
    """Zeroes are padding. Other bytes are told and borne with a digest, and an error without."""
    served = serve(pack(kind, image) + behind)
    variables = {"IMG_URL": served.url, "DEST_DISK": disk, "READBACK": "off"}
    done = action("image2disk", **variables)
    if behind.strip(b"\0"):
        assert_failed(done, f"something else follows the end of its {kind} data")
        done = action("image2disk", **variables, CHECKSUM=served.checksum)
        assert f"bytes follow the end of the {kind} data" in done.stderr
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: len(image)] == image
