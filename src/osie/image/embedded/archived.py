"""Images as files: an OCI layout, as a folder or in a tar, or what `docker save` and `podman save` write.

Which image in one is meant, its documents, and where its layers are. Every document is compared with its
digest; the layers, which are large, are compared where they are unpacked (layer_file.py).
Source: OCI image-spec 1.1, image-layout.md and image-index.md; moby's image/tarexport; containerd's export.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from osie.contracts.image_reference import Reference
from osie.core.errors import OsieError

ARCHITECTURE = "amd64"
_INDEX, _DOCKER = "index.json", "manifest.json"
_REGISTRY_MANIFEST = "oci-manifest.json"  # what oci.archive puts into the tar beside Docker's own
_REF_NAME = "org.opencontainers.image.ref.name"
_NAMES = ("io.containerd.image.name", _REF_NAME)
_CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")
_LARGEST_DOCUMENT = 4 << 20  # bytes; what registries accept
_DEEPEST = 4  # indexes in each other

Json = Mapping[str, Any]


class Damaged(OsieError):
    """The file is not what it should be. The message is for behind the file's name."""


class Blobs(Protocol):
    """Named contents."""

    def open(self, name: str) -> IO[bytes]:
        """Read that content. Raises KeyError where it isn't there."""


@dataclass(frozen=True)
class ArchivedLayer:
    """One layer: where its blob is, and what that must turn out to be. "" where nothing says it."""

    blob: str
    diff_id: str  # of the plain tar
    digest: str = ""  # of the blob as it is
    # where the archive holds another form of the blob than the registry has
    registered: tuple[str, int] | None = None  # digest and size in bytes


@dataclass(frozen=True)
class Archived:
    """An image's documents and layers, the lowest first."""

    config: bytes
    manifest: bytes  # as a registry has it; empty: the archive doesn't say
    layers: tuple[ArchivedLayer, ...]
    digests: frozenset[str] = frozenset()  # by which registries know it


@contextmanager
def opened(place: Path) -> Iterator[Blobs]:
    """The contents of a folder or a tar. What goes wrong while they are read is told with the file's name."""
    try:
        if place.is_dir():
            yield _Folder(place)
        else:
            with tarfile.open(place) as tar:
                yield _Tar(tar)
    except Damaged as error:
        raise OsieError(f"{place}: {error}") from error.__cause__
    except (tarfile.TarError, EOFError, OSError) as error:
        raise OsieError(f"{place}: it can't be read as an image's archive: {error}") from error


def read(blobs: Blobs, wanted: Reference | str) -> Archived:
    """The image that is meant: by its name, or by what a layout's index calls it. Raises Damaged."""
    try:
        if isinstance(wanted, str):
            return _from_index(blobs, [_named(_entries(blobs), wanted)], frozenset())
        find = _meant if _has(blobs, _INDEX) else _from_docker
        found = find(blobs, wanted)
        if wanted.digest and wanted.digest not in found.digests:
            known = " or ".join(sorted(found.digests)) or "one that the archive doesn't tell"
            raise Damaged(f"its digest is {known}, not the one in the name, {wanted.digest}")
        return found
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise Damaged(f"not a whole image: {_why(error)}") from error


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._folder / name).open("rb")
        except FileNotFoundError:
            raise KeyError(name) from None


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        # The last of a name counts; some writers begin all names with "./".
        self._members = {member.name.removeprefix("./"): member for member in tar.getmembers()}

    def open(self, name: str) -> IO[bytes]:
        try:
            content = self._tar.extractfile(self._members[name])  # follows links: older Dockers write some
        except RecursionError:  # a link that leads to itself
            raise KeyError(name) from None
        if content is None:
            raise KeyError(name)
        return content


def _meant(blobs: Blobs, wanted: Reference) -> Archived:
    """The image of a layout that the name means: the one with its name or digest, else the only one."""
    entries = _entries(blobs)
    meant = [entry for entry in entries if _is_called(entry, wanted)]
    if not meant and len({_digest(entry) for entry in entries}) > 1:
        raise _several(wanted, [name for entry in entries for name in _names(entry)])
    return _from_index(blobs, meant or entries, frozenset())


def _from_index(blobs: Blobs, entries: Iterable[Json], above: frozenset[str]) -> Archived:
    """The image for our machines among what an index lists: manifests, or indexes of one platform each."""
    if len(above) > _DEEPEST:
        raise Damaged(f"more than {_DEEPEST} indexes in each other")
    others = []
    for entry in entries:
        platform = entry.get("platform") or {}
        if (
            platform.get("architecture", ARCHITECTURE) != ARCHITECTURE
            or platform.get("os", "linux") != "linux"
        ):
            others.append(f"{platform.get('os')}/{platform.get('architecture')}")
            continue
        content = _document(blobs, _digest(entry))
        document = json.loads(content)
        known = above | {_digest(entry)}
        if "manifests" in document:
            return _from_index(blobs, document["manifests"], known)
        if document["config"].get("mediaType") not in _CONFIG_TYPES:  # Podman takes no other
            raise Damaged(
                f"it's no container image, but has a config of type {document['config'].get('mediaType')}"
            )
        config = _document(blobs, document["config"]["digest"])
        digests = [_checked(layer["digest"]) for layer in document["layers"]]
        layers = [
            ArchivedLayer(_blob(digest), diff_id, digest)
            for digest, diff_id in _paired(digests, _diff_ids(config))
        ]
        return Archived(config, content, tuple(layers), known)
    raise Damaged(f"its image is for {', '.join(others) or 'no platform'}, not for linux/{ARCHITECTURE}")


def _from_docker(blobs: Blobs, wanted: Reference) -> Archived:
    """The image of an archive without a layout, as Docker wrote them up to version 24, and Podman does."""
    if not _has(blobs, _DOCKER):
        raise Damaged(f"it has neither {_INDEX} nor {_DOCKER}: `docker save` and `podman save` write one")
    images = json.loads(_small(blobs, _DOCKER))
    meant = [one for one in images if any(_is(name, wanted) for name in one.get("RepoTags") or ())]
    if len(meant) != 1 and len(images) != 1:
        raise _several(wanted, [name for one in images for name in one.get("RepoTags") or ()])
    (told,) = meant or images
    config = _small(blobs, told["Config"])
    for named in _HEXADECIMAL.findall(told["Config"]):
        _compare(config, f"sha256:{named}", told["Config"])
    pairs = _paired(told["Layers"], _diff_ids(config))
    if not _has(blobs, _REGISTRY_MANIFEST):
        return Archived(config, b"", tuple(ArchivedLayer(blob, diff_id) for blob, diff_id in pairs))
    manifest = _small(blobs, _REGISTRY_MANIFEST)
    registered = [(_checked(layer["digest"]), int(layer["size"])) for layer in json.loads(manifest)["layers"]]
    layers = [
        ArchivedLayer(blob, diff_id, registered=known)
        for (blob, diff_id), known in zip(pairs, registered, strict=True)
    ]
    return Archived(config, manifest, tuple(layers), frozenset({digest_of(manifest)}))


def _diff_ids(config: bytes) -> list[str]:
    told = json.loads(config)
    platform = f"{told.get('os')}/{told.get('architecture')}"
    if platform != f"linux/{ARCHITECTURE}":
        raise Damaged(f"its image is for {platform}, not for linux/{ARCHITECTURE}")
    return [_checked(diff_id) for diff_id in told["rootfs"]["diff_ids"]]


def _paired(blobs: Sequence[str], diff_ids: Sequence[str]) -> list[tuple[str, str]]:
    if len(blobs) != len(diff_ids) or not blobs:
        raise Damaged(f"it has {len(blobs)} layers, and its config names {len(diff_ids)}")
    return list(zip(blobs, diff_ids, strict=True))


def _entries(blobs: Blobs) -> list[Json]:
    entries: list[Json] = json.loads(_small(blobs, _INDEX))["manifests"]
    return entries


def _named(entries: Iterable[Json], ref: str) -> Json:
    for entry in entries:
        if (entry.get("annotations") or {}).get(_REF_NAME) == ref:
            return entry
    raise Damaged(f"it holds no image {ref}")


def _names(entry: Json) -> list[str]:
    annotations = entry.get("annotations") or {}
    return [annotations[key] for key in _NAMES if key in annotations]


def _is_called(entry: Json, wanted: Reference) -> bool:
    return entry.get("digest") == wanted.digest or any(_is(name, wanted) for name in _names(entry))


def _is(name: str, wanted: Reference) -> bool:
    """Whether that is how the archive calls what is wanted."""
    try:
        told = Reference.parse(name)
    except ValueError:
        return False
    return bool(wanted.tag) and (told.repository, told.tag) == (wanted.repository, wanted.tag)


def _several(wanted: Reference, names: Sequence[str]) -> Damaged:
    return Damaged(f"it holds several images, and none is called {wanted.canonical}: {', '.join(names)}")


def _has(blobs: Blobs, name: str) -> bool:
    try:
        blobs.open(name).close()
    except KeyError:
        return False
    return True


def _document(blobs: Blobs, digest: str) -> bytes:
    """The document of that digest, compared with it."""
    content = _small(blobs, _blob(_checked(digest)))
    _compare(content, digest, digest)
    return content


def _small(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as file:
        content = file.read(_LARGEST_DOCUMENT + 1)
    if len(content) > _LARGEST_DOCUMENT:
        raise Damaged(f"{name} is larger than any document of an image")
    return content


def _compare(content: bytes, digest: str, name: str) -> None:
    if digest_of(content) != digest:
        raise Damaged(f"{name} is damaged: its digest is {digest_of(content)}")


def _digest(entry: Json) -> str:
    return _checked(entry["digest"])


def _checked(digest: str) -> str:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Damaged(f"{digest!r} is not a digest that we know, sha256: and 64 hexadecimal digits")
    return digest


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def digest_of(content: bytes) -> str:
    """The content's digest in the form that OCI documents use."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _why(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
