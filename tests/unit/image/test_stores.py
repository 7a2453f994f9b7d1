"""Images as an engine's storage: names, links, layers that are shared, and what a pull finds."""

import hashlib
import json
from pathlib import Path

from archives import Image, digest, docker, tar

from osie.contracts.image_reference import Reference
from osie.image.embedded import docker_store, podman_store
from osie.image.embedded.embedded import StoredImage, StoredLayer, Unpacker, Wanted

A, B, C = (f"sha256:{hashlib.sha256(name).hexdigest()}" for name in (b"a", b"b", b"c"))
MANIFEST = b'{"layers": []}'
LOWER = StoredLayer("sha256:" + "1" * 64, 10, A, 100, (A,), "/layers/0")
UPPER = StoredLayer("sha256:" + "2" * 64, 20, B, 200, (A, B), "/layers/1")
OTHER = StoredLayer("sha256:" + "3" * 64, 30, C, 300, (A, C), "/layers/2", form="gzip", is_whole=True)
TOP = StoredLayer("sha256:" + "4" * 64, 40, B, 200, (A, C, B), "/layers/3", form="plain")


def _image(*layers: StoredLayer, names: tuple[str, ...] = ("osie/w:embedded",)) -> StoredImage:
    config = json.dumps([layer.diff_id for layer in layers]).encode()
    return StoredImage(tuple(map(Reference.parse, names)), config, MANIFEST, layers)


WORKER = _image(LOWER, UPPER)
TOOL = _image(LOWER, OTHER, TOP, names=("alpine:3", f"alpine@{A}"))


def test_a_chain_is_named_as_the_specification_says() -> None:
    """OCI image-spec: the lowest layer's own digest; above, the digest of "BELOW DIFF_ID"."""
    assert docker_store.chain_id([A]) == A.removeprefix("sha256:")
    assert docker_store.chain_id([A, B]) == hashlib.sha256(f"{A} {B}".encode()).hexdigest()


def test_docker_finds_the_layers_where_they_are(tmp_path: Path) -> None:
    """Each layer's folder links to its files; the upper names the lower by a link that leads there."""
    docker_store.create([WORKER], tmp_path)
    upper = tmp_path / "overlay2" / docker_store.chain_id([A, B])
    assert (upper / "diff").readlink() == Path("/layers/1")
    lower = tmp_path / "overlay2" / (upper / "lower").read_text()
    assert (lower.parent / lower.readlink()).readlink() == Path("/layers/0")
    record = tmp_path / "image/overlay2/layerdb/sha256" / upper.name
    assert (record / "parent").read_text() == A
    assert (record / "diff").read_text() == B


def test_docker_knows_the_layers_by_their_registrys_digests(tmp_path: Path) -> None:
    """A pull looks there before it fetches a layer."""
    docker_store.create([WORKER], tmp_path)
    known = tmp_path / "image/overlay2/distribution/diffid-by-digest/sha256"
    assert (known / ("1" * 64)).read_text() == A


def test_podman_has_the_image_under_the_name_that_dockers_api_means(tmp_path: Path) -> None:
    """A name without a registry is docker.io's; manifest and config are there with their digests."""
    image = WORKER
    podman_store.create([image], tmp_path)
    (record,) = json.loads((tmp_path / "overlay-images/images.json").read_text())
    assert record["names"] == ["docker.io/osie/w:embedded"]
    assert record["layer"] == podman_store.layer_id([A, B])
    for name, told in record["big-data-digests"].items():
        content = {"manifest": image.manifest, f"sha256:{image.id}": image.config}[name]
        assert told == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert len(list((tmp_path / "overlay-images" / image.id).iterdir())) == 2


def test_podman_finds_the_layers_where_they_are(tmp_path: Path) -> None:
    """As with Docker; and by the registry's digest."""
    podman_store.create([WORKER], tmp_path)
    lower, upper = json.loads((tmp_path / "overlay-layers/layers.json").read_text())
    assert upper["parent"] == lower["id"]
    assert [layer["compressed-diff-digest"][-1] for layer in (lower, upper)] == ["1", "2"]
    link = tmp_path / "overlay" / (tmp_path / "overlay" / upper["id"] / "lower").read_text()
    assert (link.parent / link.readlink()).readlink() == Path("/layers/0")


def test_docker_has_all_images_by_all_their_names(tmp_path: Path) -> None:
    """Docker Hub goes without saying; tags and digests are under their repository; a layer is there once."""
    again = _image(LOWER, UPPER, names=("quay.io/w:2",))
    docker_store.create([WORKER, TOOL, again], tmp_path)
    told = json.loads((tmp_path / "image/overlay2/repositories.json").read_text())["Repositories"]
    worker, tool = f"sha256:{WORKER.id}", f"sha256:{TOOL.id}"
    assert told == {
        "osie/w": {"osie/w:embedded": worker},
        "quay.io/w": {"quay.io/w:2": worker},
        "alpine": {"alpine:3": tool, f"alpine@{A}": tool},
    }
    assert {path.name for path in (tmp_path / "image/overlay2/imagedb/content/sha256").iterdir()} == {
        WORKER.id,
        TOOL.id,
    }
    assert len(list((tmp_path / "image/overlay2/layerdb/sha256").iterdir())) == 4
    known = json.loads(
        (tmp_path / "image/overlay2/distribution/v2metadata-by-diffid" / B.replace(":", "/")).read_text()
    )
    assert [one["Digest"][-1] for one in known] == ["2", "4"], "two registries' forms of one layer"


def test_below_a_whole_layer_nothing_is_mounted(tmp_path: Path) -> None:
    """It has no parent for the engine's overlay, though it has one for the engine's records."""
    docker_store.create([TOOL], tmp_path / "docker")
    whole, top = docker_store.chain_id([A, C]), docker_store.chain_id([A, C, B])
    overlay = tmp_path / "docker/overlay2"
    assert not (overlay / whole / "lower").exists()
    assert (overlay / top / "lower").read_text() == f"l/{whole[:26].upper()}"
    records = tmp_path / "docker/image/overlay2/layerdb/sha256"
    assert (records / whole / "parent").read_text() == A
    podman_store.create([TOOL], tmp_path / "podman")
    whole, top = podman_store.layer_id([A, C]), podman_store.layer_id([A, C, B])
    assert not (tmp_path / "podman/overlay" / whole / "lower").exists()
    assert (tmp_path / "podman/overlay" / top / "lower").read_text() == f"l/{whole[:26].upper()}"


def test_podman_has_all_images_by_all_their_names(tmp_path: Path) -> None:
    """In full; each layer once, after the one below it, with the form in which a registry has it."""
    podman_store.create([WORKER, TOOL], tmp_path)
    images = json.loads((tmp_path / "overlay-images/images.json").read_text())
    assert [image["names"] for image in images] == [
        ["docker.io/osie/w:embedded"],
        ["docker.io/library/alpine:3", f"docker.io/library/alpine@{A}"],
    ]
    layers = json.loads((tmp_path / "overlay-layers/layers.json").read_text())
    ids = [layer["id"] for layer in layers]
    assert len(set(ids)) == 4
    assert all(ids.index(layer["parent"]) < number for number, layer in enumerate(layers) if number)
    assert [layer["compression"] for layer in layers] == [4, 4, 2, 0]


def test_a_layer_that_two_images_have_is_unpacked_once(tmp_path: Path) -> None:
    """By its chain: the same tar on top of another one is another layer. What hides files is made whole."""
    base, hiding = tar({"a": b"1", "b": b"1"}), tar({".wh.a": b"", "c": b"3"})
    images = [
        Image([base, tar({"b": b"2"})], "gzip", "r.example/one:1"),
        Image([base, hiding, base], "zstd", "r.example/two:1"),
    ]
    unpacker = Unpacker(tmp_path / "layers", "/x")
    stored = [
        unpacker.add(
            Wanted(Reference.parse(image.name), docker(tmp_path / f"{number}.tar", [image]), "unread")
        )
        for number, image in enumerate(images)
    ]
    assert [[layer.files for layer in image.layers] for image in stored] == [
        ["/x/0", "/x/1"],
        ["/x/0", "/x/2", "/x/3"],
    ]
    assert [layer.is_whole for layer in stored[1].layers] == [False, True, False]
    assert sorted(path.name for path in (tmp_path / "layers/2").iterdir()) == ["b", "c"]
    assert sorted(path.name for path in (tmp_path / "layers").iterdir()) == ["0", "1", "2", "3"]
    assert digest(stored[0].config)[7:] == stored[0].id
    assert [StoredImage.read(json.loads(json.dumps(image.json()))) for image in stored] == stored
