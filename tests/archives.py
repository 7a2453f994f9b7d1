"""Images as files, made for a test: layers of any form, in each kind of archive."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import zstandard

PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda plain: gzip.compress(plain, mtime=0),
    "zstd": lambda plain: zstandard.ZstdCompressor().compress(plain),
}
Entry: TypeAlias = tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]  # with its content, or without any
_INDEX = "application/vnd.oci.image.index.v1+json"
_TYPES = {"plain": "tar", "gzip": "tar+gzip", "zstd": "tar+zstd"}


def digest(content: bytes) -> str:
    """As OCI's documents write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar(entries: Mapping[str, bytes] | Iterable[Entry]) -> bytes:
    """A tar of contents by path, or of entries as they are."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        if isinstance(entries, Mapping):
            entries = [(tarfile.TarInfo(name), content) for name, content in entries.items()]
        for each in entries:
            entry, content = each if isinstance(each, tuple) else (each, b"")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    """A tar's entry."""
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in fields.items():
        setattr(made, key, value)
    return made


@dataclass
class Image:
    """An image; what is set otherwise makes it wrong."""

    layers: Sequence[bytes]  # plain tars
    form: str = "plain"
    name: str = "registry.example/tool:1"
    architecture: str = "amd64"
    command: Sequence[str] = ()
    blobs: dict[str, bytes] = field(default_factory=dict)  # to exchange some, by path

    @property
    def config(self) -> bytes:
        """Its config."""
        rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in self.layers]}
        platform = {"os": "linux", "architecture": self.architecture}
        return json.dumps({**platform, "config": {"Cmd": list(self.command)}, "rootfs": rootfs}).encode()

    @property
    def packed(self) -> list[bytes]:
        """Its layers as a registry has them."""
        return [PACK[self.form](layer) for layer in self.layers]

    @property
    def manifest(self) -> bytes:
        """Its manifest."""
        kind = f"application/vnd.oci.image.layer.v1.{_TYPES[self.form]}"
        layers = [{"mediaType": kind, "digest": digest(one), "size": len(one)} for one in self.packed]
        kinds = [f"application/vnd.oci.image.{name}.v1+json" for name in ("manifest", "config")]
        config = {"mediaType": kinds[1], "digest": digest(self.config), "size": len(self.config)}
        told = {"schemaVersion": 2, "mediaType": kinds[0], "config": config, "layers": layers}
        return json.dumps(told).encode()

    def entry(self, **more: Any) -> dict[str, Any]:
        """What an index says of it."""
        annotations = {"org.opencontainers.image.ref.name": self.name}
        kind = "application/vnd.oci.image.manifest.v1+json"
        told = {"mediaType": kind, "digest": digest(self.manifest), "size": len(self.manifest)}
        return {**told, "annotations": annotations, **more}

    @property
    def contents(self) -> dict[str, bytes]:
        """All blobs by path."""
        blobs = {_blob(one): one for one in (self.config, self.manifest, *self.packed)}
        return {**blobs, **self.blobs}

    @property
    def index(self) -> bytes:
        """An index of it and of the same for another platform, which isn't there."""
        platforms = [{"os": "linux", "architecture": name} for name in ("arm64", "amd64")]
        entries = [{**self.entry(platform=platform), "annotations": {}} for platform in platforms]
        entries[0]["digest"] = digest(b"")
        return json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}).encode()


def oci_of_platforms(place: Path, image: Image) -> Path:
    """An OCI layout in a tar, as `skopeo copy --multi-arch index-only` and Docker's containerd write it."""
    image.blobs[_blob(image.index)] = image.index
    return oci(place, [image], [{**image.entry(), "mediaType": _INDEX, "digest": digest(image.index)}])


def _blob(content: bytes) -> str:
    return "blobs/" + digest(content).replace(":", "/")


def oci(
    place: Path, images: Sequence[Image] = (), entries: Sequence[Mapping[str, Any]] | None = None
) -> Path:
    """An OCI layout in a tar."""
    index = {"schemaVersion": 2, "manifests": entries or [image.entry() for image in images]}
    contents = {"index.json": json.dumps(index).encode()}
    for image in images:
        contents |= image.contents
    place.write_bytes(tar(contents))
    return place


def docker(place: Path, images: Sequence[Image]) -> Path:
    """What `docker save` wrote up to version 24."""
    told: list[dict[str, Any]] = []
    contents: dict[str, bytes] = {}
    for image in images:
        config = f"{digest(image.config)[7:]}.json"
        names = [f"{digest(layer)[7:]}/layer.tar" for layer in image.layers]
        told.append({"Config": config, "RepoTags": [image.name], "Layers": names})
        layers = dict(zip(names, image.packed, strict=True))
        contents |= {config: image.config, **layers, **image.blobs}
    place.write_bytes(tar({**contents, "manifest.json": json.dumps(told).encode()}))
    return place
