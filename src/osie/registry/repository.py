"""An OCI image layout as a registry sees it: repositories, their tags, and blobs by digest. Reads only."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import structlog

# distribution-spec 1.1, "Pulling manifests".
NAME: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
DIGEST: Final = re.compile(r"sha256:([a-f0-9]{64})")

_REF_NAME = "org.opencontainers.image.ref.name"
_MANIFEST_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
_MANIFEST_BYTES_MAX = 4 << 20  # what the specification lets a registry refuse: no layer is read as JSON

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Manifest:
    """A manifest's bytes, as they were signed and counted."""

    digest: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Index:
    """What index.json says: repository -> tag -> digest of the manifest."""

    repositories: dict[str, dict[str, str]] = field(default_factory=dict)
    media_types: dict[str, str] = field(default_factory=dict)  # by digest

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read index.json; an entry with no name, or none that a registry can serve, is passed over."""
        index = cls()
        for entry in json.loads(content)["manifests"]:
            ref = entry.get("annotations", {}).get(_REF_NAME, "")
            name, _, tag = ref.rpartition(":")
            if not (re.fullmatch(NAME, name) and TAG.fullmatch(tag) and DIGEST.fullmatch(entry["digest"])):
                continue
            index.repositories.setdefault(name, {})[tag] = entry["digest"]
            index.media_types[entry["digest"]] = entry["mediaType"]
        return index


class Layout:
    """The folder. The index is read again when the file changes; blobs never change, by their nature."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = Index()
        self._stamp: tuple[int, ...] = ()

    def index(self) -> Index:
        """The index as it is now; empty where there is none yet, the last good one where it can't be read."""
        path = self._folder / "index.json"
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._index = Index.parse(path.read_bytes())
                self._stamp = stamp
                _log.info("registry.index_read", repositories=len(self._index.repositories))
        except FileNotFoundError:
            self._index, self._stamp = Index(), ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("registry.index_unreadable", path=str(path), reason=str(error))
        return self._index

    def blob(self, digest: str) -> Path | None:
        """The blob's file, if there is one. Only a well-formed digest becomes part of a path."""
        matched = DIGEST.fullmatch(digest)
        if matched is None:
            return None
        path = self._folder / "blobs" / "sha256" / matched[1]
        return path if path.is_file() else None

    def manifest(self, name: str, reference: str) -> Manifest | None:
        """The manifest by tag or digest.

        By digest, any manifest in the folder will do: the tag may have moved on between a client's two
        questions, and what is under a digest is what the client asked for.
        """
        index = self.index()
        digest = reference if ":" in reference else index.repositories.get(name, {}).get(reference, "")
        path = self.blob(digest)
        if path is None or path.stat().st_size > _MANIFEST_BYTES_MAX:
            return None
        content = path.read_bytes()
        media_type = index.media_types.get(digest) or _declared_type(content)
        return Manifest(digest, media_type, content) if media_type in _MANIFEST_TYPES else None


def _declared_type(content: bytes) -> str:
    """The mediaType that a JSON document states, or nothing."""
    try:
        document: Any = json.loads(content)
    except ValueError:
        return ""
    declared = document.get("mediaType") if isinstance(document, dict) else None
    return declared if isinstance(declared, str) else ""
