"""Images in files: which one is meant, and what is wrong with a file, told with its name."""

import gzip
import json
import random
import tarfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import archives
import pytest
from archives import Image, digest, docker, oci, tar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osie.contracts.image_reference import Reference
from osie.core.errors import OsieError
from osie.image.embedded import archived, layer_file
from osie.image.embedded.archived import Archived

LAYERS = [tar({"a": b"lower"}), tar({"b": b"upper"})]
NAME = Reference.parse("registry.example/tool:1")


class Write(Protocol):
    """Makes an archive of one kind."""

    def __call__(self, place: Path, images: Sequence[Image], /) -> Path:
        """Return where it is."""


def read(place: Path, name: Reference | str = NAME) -> Archived:
    """The image in the file."""
    with archived.opened(place) as blobs:
        return archived.read(blobs, name)


def plain(place: Path, folder: Path) -> list[bytes]:
    """Its layers, unpacked."""
    with archived.opened(place) as blobs:
        found = []
        for layer in archived.read(blobs, NAME).layers:
            layer_file.plain(blobs, layer, folder / "layer")
            found.append((folder / "layer").read_bytes())
        return found


@pytest.mark.parametrize("form", list(archives.PACK))
@pytest.mark.parametrize("write", [oci, docker])
def test_layers_of_every_form(tmp_path: Path, form: str, write: Write) -> None:
    """Plain, gzip and zstd, in a layout and in Docker's older archive: the same tars come out."""
    place = write(tmp_path / "a.tar", [Image(LAYERS, form)])
    assert plain(place, tmp_path) == LAYERS


def test_an_archive_that_is_packed_itself(tmp_path: Path) -> None:
    """`docker save | gzip` is read as well."""
    place = docker(tmp_path / "a.tar", [Image(LAYERS)])
    place.write_bytes(gzip.compress(place.read_bytes()))
    assert plain(place, tmp_path) == LAYERS


def test_a_layouts_folder_by_what_its_index_says(tmp_path: Path) -> None:
    """Our own images are taken from the folder that the registry serves."""
    image = Image(LAYERS, "zstd", name="actions/a:latest")
    for name, content in image.contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [image.entry()]}))
    assert read(tmp_path, "actions/a:latest").config == image.config
    with pytest.raises(OsieError, match=f"{tmp_path}: it holds no image actions/b:latest"):
        read(tmp_path, "actions/b:latest")


@pytest.mark.parametrize("write", [oci, docker])
def test_of_several_images_the_one_of_that_name(tmp_path: Path, write: Write) -> None:
    """The tag decides, in short form or in full; the only one needs none; else all there are are named."""
    others = [Image(LAYERS[:1], name="alpine:3"), Image(LAYERS, name="registry.example/tool:2")]
    place = write(tmp_path / "a.tar", others)
    assert read(place, Reference.parse("docker.io/library/alpine:3")).config == others[0].config
    with pytest.raises(OsieError, match=r"none is called \S+tool:1: alpine:3, registry.example/tool:2"):
        read(place)
    assert read(write(place, others[:1])).config == others[0].config


def test_of_several_platforms_ours(tmp_path: Path) -> None:
    """An index in the index is followed to linux/amd64; notes on where an image is from aren't platforms."""
    mine, other = Image(LAYERS), Image(LAYERS[:1], architecture="arm64")
    kinds = ((other, "linux", "arm64"), (other, "unknown", "unknown"), (mine, "linux", "amd64"))
    entries = [
        {**image.entry(platform={"os": system, "architecture": architecture}), "annotations": {}}
        for image, system, architecture in kinds
    ]
    inner = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    outer = Image(LAYERS, blobs={"blobs/" + digest(inner).replace(":", "/"): inner})
    place = oci(tmp_path / "a.tar", [outer, other], entries=[{"digest": digest(inner)}])
    assert read(place).config == mine.config
    assert read(place).digests == {digest(inner), digest(mine.manifest)}
    oci(place, [other], entries=entries[:2])
    with pytest.raises(OsieError, match="its image is for linux/arm64, unknown/unknown, not for linux/amd64"):
        read(place)


def test_an_index_of_platforms_by_its_digest(tmp_path: Path) -> None:
    """What registries show as the digest of an image of many platforms is a name of ours, too."""
    image = Image(LAYERS)
    place = archives.oci_of_platforms(tmp_path / "a.tar", image)
    assert read(place, NAME.by_digest(digest(image.index))).config == image.config


def test_a_digest_must_be_the_images(tmp_path: Path) -> None:
    """A name with a digest needs an archive with the registry's manifest of that digest."""
    image = Image(LAYERS, "gzip")
    right, wrong = digest(image.manifest), digest(b"")
    place = oci(tmp_path / "a.tar", [image])
    assert read(place, NAME.by_digest(right)).digests == {right}
    with pytest.raises(OsieError, match=f"its digest is {right}, not the one in the name, {wrong}"):
        read(place, NAME.by_digest(wrong))
    with pytest.raises(OsieError, match="its digest is one that the archive doesn't tell"):
        read(docker(place, [image]), NAME.by_digest(right))


def _blob(content: bytes) -> str:
    return "blobs/" + digest(content).replace(":", "/")


ARM = Image(LAYERS, architecture="arm64")
FIRST = f"{digest(LAYERS[0])[7:]}/layer.tar"  # as `docker` names it
CHART = Image(LAYERS, blobs={_blob(b'{"config": {}}'): b'{"config": {}}'})
LOOP = archives.entry("index.json", tarfile.SYMTYPE, linkname="index.json")
SHORT = {FIRST: gzip.compress(LAYERS[0])[:-9]}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (partial(oci, images=[ARM]), "its image is for linux/arm64, not for linux/amd64"),
        (partial(docker, images=[ARM]), "its image is for linux/arm64, not for linux/amd64"),
        (partial(oci, images=[Image(LAYERS, blobs={_blob(LAYERS[1]): b"x"})]), "is damaged: its digest is"),
        (partial(oci, images=[Image(LAYERS, blobs={_blob(Image(LAYERS).config): b""})]), "is damaged"),
        (partial(docker, images=[Image(LAYERS, blobs={FIRST: LAYERS[1]})]), "not the one that its config"),
        (partial(docker, images=[Image(LAYERS, "gzip", blobs=SHORT)]), "can't be unpacked"),
        (partial(oci, images=[CHART], entries=[{"digest": digest(b'{"config": {}}')}]), "no container image"),
        (partial(oci, entries=[{"digest": "sha256:" + "0" * 64}]), "blobs/sha256/0+ is missing"),
        (partial(oci, entries=[{"digest": "md5:1"}]), "'md5:1' is not a digest that we know"),
        (partial(oci, entries=[{"digest": "sha256:../../" + "0" * 58}]), "is not a digest that we know"),
        (partial(Path.write_bytes, data=tar({"index.json": b"[]"})), "not a whole image"),
        (partial(Path.write_bytes, data=tar({"index.json": b"{"})), "not a whole image"),
        (partial(Path.write_bytes, data=tar({"a": b""})), "it has neither index.json nor manifest.json"),
        (partial(Path.write_bytes, data=tar([LOOP])), "index.json"),
        (partial(Path.write_bytes, data=b"not a tar"), "it can't be read as an image's archive"),
        (Path.unlink, "it can't be read as an image's archive"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(
    tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    """Another architecture, damage, what lacks, and what is no image: one sentence, the file first."""
    file = tmp_path / "a.tar"
    file.touch()
    make(file)
    with pytest.raises(OsieError, match=why) as caught:
        plain(file, tmp_path)
    assert str(caught.value).startswith(f"{file}: ")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 30),
    form=st.sampled_from(list(archives.PACK)),
    write=st.sampled_from([oci, docker]),
)
def test_damage_is_an_error_or_harmless(tmp_path: Path, seed: int, form: str, write: Write) -> None:
    """Whatever bytes of an archive change, and wherever it ends: an OsieError, or the very same layers."""
    chance = random.Random(seed)
    place = write(tmp_path / "a.tar", [Image(LAYERS, form)])
    content = bytearray(place.read_bytes())
    for _ in range(chance.randint(1, 4)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    if chance.random() < 0.3:
        del content[chance.randrange(len(content)) :]
    place.write_bytes(content)
    try:
        assert plain(place, tmp_path) == LAYERS
    except OsieError as error:
        assert str(place) in str(error)
