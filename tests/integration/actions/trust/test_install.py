"""image2disk with all that can stand for an image: the right image is written, any other isn't."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpg_home import Gpg

from osie.actions.trust import making, minisign_secret

MIB = 1 << 20
PAIR = minisign_secret.generated()
MINISIGN = minisign_secret.public_file(PAIR).decode()


class Published:
    """An image in a folder, and what stands for it."""

    def __init__(self, folder: Path, image: bytes, gpg: Gpg) -> None:
        self.folder = folder
        self.gpg = gpg
        self.put("image", image)
        manifest = making.make(folder / "image", lambda _done, _total: None)
        self.root = manifest.root
        self.put("image.manifest", manifest.encode())
        self.put("image.manifest.minisig", PAIR.sign(manifest.encode(), "the manifest's comment"))
        self.put("image.minisig", PAIR.sign(image, "the image's comment"))
        self.put("image.sig", gpg.sign("--local-user", "alice", data=image))
        sums = f"{hashlib.sha256(image).hexdigest()}  image\n".encode()
        self.put("SHA256SUMS", sums)
        self.put("SHA256SUMS.asc", gpg.sign("--local-user", "alice", "--armor", data=sums))

    def put(self, name: str, data: bytes) -> None:
        """Publish a file, or another in its place."""
        (self.folder / name).write_bytes(data)

    def url(self, name: str) -> str:
        """Where it is."""
        return (self.folder / name).as_uri()

    def settings(self, way: str) -> dict[str, str]:
        """The variables for a way of verifying."""
        openpgp = b64encode(self.gpg("--export", "alice")).decode()
        ways = {
            "manifest": {"MANIFEST_URL": self.url("image.manifest"), "SIGNATURE_KEY": MINISIGN},
            "root": {"MANIFEST_URL": self.url("image.manifest"), "MANIFEST_ROOT": self.root},
            "minisign": {"SIGNATURE_KEY": MINISIGN},
            "openpgp": {"SIGNATURE_KEY": openpgp, "SIGNATURE_URL": self.url("image.sig")},
            "list": {
                "CHECKSUM": self.url("SHA256SUMS"),
                "SIGNATURE_KEY": openpgp,
                "SIGNATURE_URL": self.url("SHA256SUMS.asc"),
            },
        }
        return {"IMG_URL": self.url("image"), "REQUIRE_VERIFIED": "true"} | ways[way]


@pytest.fixture
def published(tmp_path: Path, image: bytes, gpg: Gpg) -> Published:
    """The image, in a folder."""
    folder = tmp_path / "published"
    folder.mkdir()
    return Published(folder, image, gpg)


WAYS = ("manifest", "root", "minisign", "openpgp", "list")


@pytest.mark.parametrize("way", WAYS)
def test_the_right_image_is_written(
    way: str, published: Published, image: bytes, disk: Path, action: Any
) -> None:
    """Every way; the log's last line says what stood for the image, and there is no warning."""
    done = action("image2disk", DEST_DISK=disk, **published.settings(way))
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: len(image)] == image
    assert "WARNING" not in done.stderr
    told = {
        "manifest": "signed by minisign key .*the manifest's comment",
        "root": f"the manifest's root is {published.root}",
        "minisign": "the image's comment",
        "openpgp": "OpenPGP key ",
        "list": "SHA256SUMS is signed by OpenPGP key ",
    }
    assert re.search(told[way], done.stdout.splitlines()[-1])


@pytest.mark.parametrize("way", WAYS)
def test_another_image_isnt(
    way: str, published: Published, image: bytes, disk: Path, action: Any, assert_failed: Any,
    assert_not_bootable: Callable[[Path], None],
) -> None:  # fmt: skip
    """One bit of the last block differs; with a manifest that block isn't even written."""
    changed = bytearray(image)
    changed[-1] ^= 1
    published.put("image", bytes(changed))
    done = action("image2disk", DEST_DISK=disk, **published.settings(way))
    assert_failed(done, r"block 1 differs|isn't what was signed|SHA256SUMS expects sha256:")
    assert_not_bootable(disk)
    if way in ("manifest", "root"):
        assert disk.read_bytes()[4 * MIB : 7 * MIB] == b"\xaa" * 3 * MIB


@pytest.mark.parametrize(
    ("way", "name"), [("manifest", "image.manifest"), ("root", "image.manifest"), ("list", "SHA256SUMS")]
)
def test_a_document_that_was_changed_leaves_the_disk_alone(
    way: str, name: str, published: Published, image: bytes, disk: Path, action: Any, assert_failed: Any
) -> None:
    """Together with the image, so that they fit each other; nothing but the signature or root can tell."""
    changed = bytearray(image)
    changed[0] ^= 1
    published.put("image", bytes(changed))
    published.put("image.manifest", making.make(published.folder / "image", lambda _d, _t: None).encode())
    published.put("SHA256SUMS", f"{hashlib.sha256(changed).hexdigest()}  image\n".encode())
    done = action("image2disk", DEST_DISK=disk, **published.settings(way))
    assert_failed(done, rf"{name} isn't what was signed|{name} has the root .*, and MANIFEST_ROOT is")
    assert disk.read_bytes() == b"\xaa" * 8 * MIB


def test_an_unsigned_manifest_by_http_is_a_warning_or_an_error(
    published: Published, disk: Path, action: Any, assert_failed: Any, serve: Any, image: bytes
) -> None:
    """It finds damage; REQUIRE_VERIFIED wants more, and says so before a byte is asked for."""
    served, manifest = serve(image), serve((published.folder / "image.manifest").read_bytes())
    wanted = {"DEST_DISK": disk, "IMG_URL": served.url, "MANIFEST_URL": manifest.url}
    assert_failed(action("image2disk", REQUIRE_VERIFIED="true", **wanted), "by plain http and unsigned")
    assert served.ranges == manifest.ranges == []
    done = action("image2disk", **wanted)
    assert done.returncode == 0, done.stderr
    assert "WARNING: MANIFEST_URL comes by plain http and unsigned" in done.stderr
