"""The images in the ramdisk, unpacked, as values: each engine's form of storage is made from them.

Unpacked, our own images' files are the same as the root's (one Python, one libc), and mksquashfs stores each
content once; a layer that several images have is there once. In the running machine the engine finds the
images in its storage when it starts: nothing is loaded, and nothing of them is in RAM twice.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from osie.contracts.image_reference import Reference
from osie.core.debian import EPOCH
from osie.image.embedded import archived, flattening, layer_file, layer_tar
from osie.image.embedded.archived import Archived, ArchivedLayer, Blobs
from osie.image.embedded.layer_file import Form

_LAYER_TYPES: Mapping[Form, str] = {
    "plain": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
_Chain = tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """An image that goes into the ramdisk, and where it is."""

    name: Reference
    place: Path  # an archive, or a layout's folder
    digest: str  # of what the result depends on: of the archive, or of the image's manifest
    ref: str = ""  # what the layout's index calls it; empty: an archive of strangers'


@dataclass(frozen=True)
class StoredLayer:
    """One layer: its names, sizes in bytes, and where its files are in the running machine."""

    digest: str  # "sha256:...", of the tar as registries have it
    packed_size: int
    diff_id: str  # "sha256:...", of the plain tar
    size: int
    chain: _Chain  # the diff_ids up to this one, the lowest first
    files: str  # an absolute path
    form: Form = "zstd"  # as registries have it
    is_whole: bool = False  # its files are all of the chain's: nothing is to be mounted below them


@dataclass(frozen=True)
class StoredImage:
    """An image with its layers, the lowest first."""

    names: tuple[Reference, ...]  # each with a tag or a digest
    config: bytes
    manifest: bytes  # as the registry has it
    layers: tuple[StoredLayer, ...]

    @property
    def id(self) -> str:
        """The config's digest in hexadecimal: what engines call the image."""
        return hashlib.sha256(self.config).hexdigest()

    def json(self) -> dict[str, Any]:
        """As JSON; `read` takes it."""
        return {**asdict(self), "config": self.config.decode(), "manifest": self.manifest.decode()}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """An image from its JSON."""
        return cls(
            names=tuple(Reference(*name) for name in told["names"]),
            config=told["config"].encode(),
            manifest=told["manifest"].encode(),
            layers=tuple(
                StoredLayer(**{**layer, "chain": tuple(layer["chain"])}) for layer in told["layers"]
            ),
        )


@dataclass
class Unpacker:
    """Unpacks images into folders in `target`, which will be at `inside`; a layer of several of them once."""

    target: Path
    inside: str
    _known: dict[_Chain, StoredLayer] = field(default_factory=dict)

    def add(self, image: Wanted) -> StoredImage:
        """Unpack one image. Raises OsieError naming its file, and leaves the folder for nobody to use."""
        with archived.opened(image.place) as blobs:
            found = archived.read(blobs, image.ref or image.name)
            layers = self._layers(blobs, found)
        manifest = found.manifest or _manifest(found.config, layers)
        return StoredImage(_names(image.name, found), found.config, manifest, layers)

    def add_worker(self, archive: Path, name: str) -> StoredImage:
        """The same for the tar of the worker's image."""
        image = self.add(Wanted(Reference.parse(name), archive, digest=""))
        return StoredImage((Reference.parse(name),), image.config, image.manifest, image.layers)

    def _layers(self, blobs: Blobs, image: Archived) -> tuple[StoredLayer, ...]:
        layers: list[StoredLayer] = []
        chain: _Chain = ()
        for layer in image.layers:
            chain = (*chain, layer.diff_id)
            if chain not in self._known:
                self._known[chain] = self._unpack(blobs, layer, chain, layers)
            layers.append(self._known[chain])
        return tuple(layers)

    def _unpack(
        self, blobs: Blobs, layer: ArchivedLayer, chain: _Chain, below: Sequence[StoredLayer]
    ) -> StoredLayer:
        number = str(len(self._known))
        folder, plain = self.target / number, self.target / f".{number}.tar"
        self.target.mkdir(parents=True, exist_ok=True)
        facts = layer_file.plain(blobs, layer, plain)
        hidden = layer_tar.unpack(plain, folder)
        plain.unlink()
        if hidden:
            self._flatten(folder, hidden, below)
        digest, packed_size = layer.registered or (facts.digest, facts.packed_size)
        return StoredLayer(
            digest=digest,
            packed_size=packed_size,
            diff_id=layer.diff_id,
            size=facts.size,
            chain=chain,
            files=f"{self.inside}/{number}",
            form="zstd" if layer.registered else facts.form,  # as oci.layer packs it
            is_whole=bool(hidden),
        )

    def _flatten(self, folder: Path, hidden: layer_tar.Hidden, below: Sequence[StoredLayer]) -> None:
        own = folder.with_name(f".{folder.name}.own")
        folder.rename(own)
        folders = [self.target / Path(layer.files).name for layer in reversed(mounted(below))]
        flattening.flatten(folders, hidden, own, folder)
        shutil.rmtree(own)


def mounted(layers: Sequence[StoredLayer]) -> list[StoredLayer]:
    """Of an image's layers, the lowest first, those that an overlay consists of: the nearest first."""
    found: list[StoredLayer] = []
    for layer in reversed(layers):
        found.append(layer)
        if layer.is_whole:
            break
    return found


def layers_of(images: Iterable[StoredImage]) -> dict[_Chain, tuple[StoredLayer, ...]]:
    """Each layer of the images once, with those below it: by its chain, and each after those below it."""
    found: dict[_Chain, tuple[StoredLayer, ...]] = {}
    for image in images:
        below: tuple[StoredLayer, ...] = ()
        for layer in image.layers:
            below = found.setdefault(layer.chain, (*below, layer))
    return found


def by_id(images: Iterable[StoredImage]) -> list[StoredImage]:
    """One for each image, with all the names that it has."""
    found: dict[str, StoredImage] = {}
    for image in images:
        names = found[image.id].names if image.id in found else ()
        known = found.setdefault(image.id, image)
        every = tuple(dict.fromkeys((*names, *image.names)))
        found[image.id] = StoredImage(every, known.config, known.manifest, known.layers)
    return list(found.values())


def _names(wanted: Reference, image: Archived) -> tuple[Reference, ...]:
    """As it was asked for, and by the digest under which a registry has the image."""
    return tuple(dict.fromkeys([*wanted.stored, *map(wanted.by_digest, sorted(image.digests))]))


def _manifest(config: bytes, layers: Sequence[StoredLayer]) -> bytes:
    """For an image whose archive has none: Podman doesn't know an image without."""
    parts = [
        {"mediaType": _LAYER_TYPES[layer.form], "digest": layer.digest, "size": layer.packed_size}
        for layer in layers
    ]
    described = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": archived.digest_of(config),
        "size": len(config),
    }
    kind = "application/vnd.oci.image.manifest.v1+json"
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": described, "layers": parts}).encode()


def write(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Write the files of a store: text or bytes by path below `folder`."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def link(folder: Path, links: Mapping[str, str]) -> None:
    """Make the symbolic links of a store: target by path below `folder`."""
    for name, target in links.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def link_name(identity: str) -> str:
    """The short name of a layer in an overlay mount's options: 26 characters, as engines make them."""
    return identity[:26].upper()


def created() -> str:
    """The time of everything that we build, as engines write it."""
    return datetime.fromtimestamp(int(EPOCH), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
