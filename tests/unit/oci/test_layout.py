"""A layout is whole for whoever reads it, at any moment."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.oci import layer, layout

Publish = Callable[[dict[str, str]], Path]


def _blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs/sha256").iterdir()}


def _named(folder: Path) -> set[str]:
    """The digests that the index names, through its manifests."""
    named = set()
    for entry in json.loads((folder / "index.json").read_bytes())["manifests"]:
        manifest = json.loads(layout.blob(folder, entry["digest"]).read_bytes())
        named |= {entry["digest"], manifest["config"]["digest"], *(p["digest"] for p in manifest["layers"])}
    return {digest.removeprefix("sha256:") for digest in named}


def test_blobs_are_named_by_what_they_hold(publish: Publish) -> None:
    """Each blob's name is the digest of its content, and each is named by the index."""
    folder = publish({"a:latest": "one", "b:latest": "two"})
    for name in _blobs(folder):
        assert layer.digest_of((folder / "blobs/sha256" / name).read_bytes()) == f"sha256:{name}"
    assert _blobs(folder) == _named(folder)
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_the_index_before_stays_readable(publish: Publish) -> None:
    """A change keeps the blobs that the index before it named, for pulls under way, and no older ones."""
    first = _named(publish({"a:latest": "one"}))
    second = _named(publish({"a:latest": "two"}))
    assert _blobs(publish({"a:latest": "two"})) == first | second
    third = _named(publish({"a:latest": "three"}))
    assert _blobs(publish({"a:latest": "three"})) == second | third


def test_an_unchanged_index_is_not_written_again(publish: Publish) -> None:
    """Publishing the same images leaves index.json alone, so that nobody reads it anew."""
    before = (publish({"a:latest": "one"}) / "index.json").stat()
    after = (publish({"a:latest": "one"}) / "index.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_lost_blob_comes_back(publish: Publish) -> None:
    """A blob that was removed by hand is there again after the next build."""
    folder = publish({"a:latest": "one"})
    lost = next(iter((folder / "blobs/sha256").iterdir()))
    lost.unlink()
    publish({"a:latest": "one"})
    assert _blobs(folder) == _named(folder)


def test_an_unknown_image_is_named_in_the_error(publish: Publish, tmp_path: Path) -> None:
    """Asking for what isn't there says which image, and where."""
    folder = publish({"a:latest": "one"})
    with pytest.raises(OsieError, match="holds no image b:latest"):
        layout.manifest(folder, "b:latest")
    with pytest.raises(OsieError, match="holds no images"):
        layout.manifest(tmp_path / "nothing", "a:latest")
