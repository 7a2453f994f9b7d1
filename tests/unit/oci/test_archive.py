"""The tar for `docker load`."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.oci import archive, layer, layout

Publish = Callable[[dict[str, str]], Path]


def _contents(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as opened:
        return {entry.name: reader.read() for entry in opened if (reader := opened.extractfile(entry))}


def test_a_tar_is_what_docker_load_reads(publish: Publish, tmp_path: Path) -> None:
    """manifest.json names the config, the tag, and plain layers whose digests are the config's diff_ids."""
    folder = publish({"a:latest": "one"})
    archive.write(folder, "a:latest", tmp_path / "a.tar", "osie/a:embedded")
    contents = _contents(tmp_path / "a.tar")
    (image,) = json.loads(contents["manifest.json"])
    assert image["RepoTags"] == ["osie/a:embedded"]
    registered, config = layout.manifest(folder, "a:latest")
    assert contents[image["Config"]] == config
    diff_ids = json.loads(config)["rootfs"]["diff_ids"]
    assert [layer.digest_of(contents[path]) for path in image["Layers"]] == diff_ids
    assert [path.removeprefix("blobs/sha256/") for path in image["Layers"]] == [d[7:] for d in diff_ids]
    assert contents["oci-manifest.json"] == registered


def test_the_registrys_manifest_comes_first(publish: Publish, tmp_path: Path) -> None:
    """It can be read without reading through the layers."""
    archive.write(publish({"a:latest": "one"}), "a:latest", tmp_path / "a.tar", "a:embedded")
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames()[0] == archive.REGISTRY_MANIFEST


def test_same_image_gives_same_bytes(publish: Publish, tmp_path: Path) -> None:
    """The tar depends on the image and the name alone."""
    folder = publish({"a:latest": "one"})
    for name in ("1.tar", "2.tar"):
        archive.write(folder, "a:latest", tmp_path / name, "a:embedded")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_a_damaged_layer_is_refused(publish: Publish, tmp_path: Path) -> None:
    """A blob that isn't what the config names never reaches a ramdisk, and no half tar is left."""
    folder = publish({"a:latest": "one", "b:latest": "two"})
    blobs = [
        layout.blob(folder, json.loads(layout.manifest(folder, ref)[0])["layers"][0]["digest"])
        for ref in ("a:latest", "b:latest")
    ]
    blobs[0].write_bytes(blobs[1].read_bytes())
    with pytest.raises(OsieError, match="not the layer"):
        archive.write(folder, "a:latest", tmp_path / "a.tar", "a:embedded")
    assert not list(tmp_path.glob("*.tar*")) and not list(tmp_path.glob(".a.tar*"))
