"""The worker's image in the ramdisk, unpacked, as a value: each engine's form of storage is made from it.

Unpacked, its files are the same as the root's own (one Python, one libc), and mksquashfs stores each content
once. In the running machine the engine finds the image in its storage when it starts: nothing is loaded, and
nothing of it is in RAM twice.
"""

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from osie.core.debian import EPOCH
from osie.core.errors import OsieError

_REGISTRY_MANIFEST = "oci-manifest.json"  # what oci.archive puts into the tar beside Docker's own


@dataclass(frozen=True)
class StoredLayer:
    """One layer: its names, sizes in bytes, and where its files are in the running machine."""

    digest: str  # "sha256:...", of the compressed tar: what registries name it by
    packed_size: int
    diff_id: str  # "sha256:...", of the plain tar
    size: int
    chain: tuple[str, ...]  # the diff_ids up to this one, the lowest first
    files: str  # an absolute path


@dataclass(frozen=True)
class StoredImage:
    """An image with its layers, the lowest first."""

    name: str  # "osie/tink-worker:embedded"
    config: bytes
    manifest: bytes  # as the registry has it
    layers: tuple[StoredLayer, ...]

    @property
    def id(self) -> str:
        """The config's digest in hexadecimal: what engines call the image."""
        return hashlib.sha256(self.config).hexdigest()


def unpack(archive: Path, target: Path, *, inside: str) -> StoredImage:
    """Unpack the layers of the image in `archive` to folders in `target`, which will be at `inside`."""
    try:
        with tarfile.open(archive) as tar:
            manifest = _read(tar, _REGISTRY_MANIFEST)
            (told,) = json.loads(_read(tar, "manifest.json"))
            layers = _unpack_layers(tar, told, json.loads(manifest)["layers"], target, inside)
            return StoredImage(told["RepoTags"][0], _read(tar, told["Config"]), manifest, layers)
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise OsieError(f"{archive}: not an image's tar as `osie build` makes it: {error}") from error


def _unpack_layers(
    tar: tarfile.TarFile, told: Mapping[str, Any], registered: list[Any], target: Path, inside: str
) -> tuple[StoredLayer, ...]:
    diff_ids = json.loads(_read(tar, told["Config"]))["rootfs"]["diff_ids"]
    layers = []
    for number, (path, part) in enumerate(zip(told["Layers"], registered, strict=True)):
        folder = target / str(number)
        with tarfile.open(fileobj=tar.extractfile(path)) as content:
            content.extractall(folder, filter="fully_trusted")  # noqa: S202 - we made it
        layers.append(
            StoredLayer(
                digest=part["digest"],
                packed_size=part["size"],
                diff_id=diff_ids[number],
                size=tar.getmember(path).size,
                chain=tuple(diff_ids[: number + 1]),
                files=f"{inside}/{number}",
            )
        )
    return tuple(layers)


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member.read()


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
