"""The worker's image as an engine's storage: names, links, and what a pull finds."""

import hashlib
import json
from pathlib import Path

from osie.image import docker_store, podman_store
from osie.image.embedded import StoredImage, StoredLayer

A, B = (f"sha256:{hashlib.sha256(name).hexdigest()}" for name in (b"a", b"b"))


def _image() -> StoredImage:
    layers = (
        StoredLayer("sha256:" + "1" * 64, 10, A, 100, (A,), "/layers/0"),
        StoredLayer("sha256:" + "2" * 64, 20, B, 200, (A, B), "/layers/1"),
    )
    return StoredImage("osie/w:embedded", b"{}", b'{"layers": []}', layers)


def test_a_chain_is_named_as_the_specification_says() -> None:
    """OCI image-spec: the lowest layer's own digest; above, the digest of "BELOW DIFF_ID"."""
    assert docker_store.chain_id([A]) == A.removeprefix("sha256:")
    assert docker_store.chain_id([A, B]) == hashlib.sha256(f"{A} {B}".encode()).hexdigest()


def test_docker_finds_the_layers_where_they_are(tmp_path: Path) -> None:
    """Each layer's folder links to its files; the upper names the lower by a link that leads there."""
    docker_store.create(_image(), tmp_path)
    upper = tmp_path / "overlay2" / docker_store.chain_id([A, B])
    assert (upper / "diff").readlink() == Path("/layers/1")
    lower = tmp_path / "overlay2" / (upper / "lower").read_text()
    assert (lower.parent / lower.readlink()).readlink() == Path("/layers/0")
    record = tmp_path / "image/overlay2/layerdb/sha256" / upper.name
    assert (record / "parent").read_text() == A
    assert (record / "diff").read_text() == B


def test_docker_knows_the_layers_by_their_registrys_digests(tmp_path: Path) -> None:
    """A pull looks there before it fetches a layer."""
    docker_store.create(_image(), tmp_path)
    known = tmp_path / "image/overlay2/distribution/diffid-by-digest/sha256"
    assert (known / ("1" * 64)).read_text() == A


def test_podman_has_the_image_under_the_name_that_dockers_api_means(tmp_path: Path) -> None:
    """A name without a registry is docker.io's; manifest and config are there with their digests."""
    image = _image()
    podman_store.create(image, tmp_path)
    (record,) = json.loads((tmp_path / "overlay-images/images.json").read_text())
    assert record["names"] == ["docker.io/osie/w:embedded"]
    assert record["layer"] == podman_store.layer_id([A, B])
    for name, digest in record["big-data-digests"].items():
        content = {"manifest": image.manifest, f"sha256:{image.id}": image.config}[name]
        assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert len(list((tmp_path / "overlay-images" / image.id).iterdir())) == 2


def test_podman_finds_the_layers_where_they_are(tmp_path: Path) -> None:
    """As with Docker; and by the registry's digest."""
    podman_store.create(_image(), tmp_path)
    lower, upper = json.loads((tmp_path / "overlay-layers/layers.json").read_text())
    assert upper["parent"] == lower["id"]
    assert [layer["compressed-diff-digest"][-1] for layer in (lower, upper)] == ["1", "2"]
    link = tmp_path / "overlay" / (tmp_path / "overlay" / upper["id"] / "lower").read_text()
    assert (link.parent / link.readlink()).readlink() == Path("/layers/0")
