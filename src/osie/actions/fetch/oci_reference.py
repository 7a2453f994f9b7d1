"""What names an image in a registry, what a registry says of it (OCI distribution and image spec 1.1)."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from osie.actions.fetch.source import SourceError
from osie.contracts import image_reference

MANIFEST_BYTES_MAX = 4 << 20  # what the specification lets registries refuse
ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)
_REFERENCE = re.compile(
    r"(?:(?P<scheme>https?|oci|docker)://)?"
    rf"(?P<host>{image_reference.REGISTRY})/(?P<name>{image_reference.REPOSITORY})"
    rf"(?::(?P<tag>{image_reference.TAG}))?(?:@(?P<digest>{image_reference.DIGEST}))?"
)
_LOCAL = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?")
_TITLE = "org.opencontainers.image.title"


class Reference(NamedTuple):
    """REGISTRY/REPOSITORY:TAG or @DIGEST, taken apart."""

    scheme: str  # http or https
    host: str  # with its port
    name: str
    wanted: str  # a tag or a digest

    @classmethod
    def parse(cls, text: str, *, insecure: bool = False) -> "Reference":
        """Read it. Plain http where the host is this machine, `http://` stands before it, or `insecure`.

        Raises SourceError for what is no reference; without a tag it is `latest`, as everywhere.
        """
        match = _REFERENCE.fullmatch(text.strip())
        host = match["host"] if match else ""
        local = bool(_LOCAL.fullmatch(host))
        if match is None or not (local or "." in host or ":" in host or match["scheme"]):
            raise SourceError(
                f"{text!r} names no image in a registry", hint="REGISTRY/REPOSITORY:TAG, or @sha256:DIGEST"
            )
        plain = match["scheme"] == "http" or (match["scheme"] != "https" and (local or insecure))
        return cls(
            "http" if plain else "https", host, match["name"], match["digest"] or match["tag"] or "latest"
        )

    def url(self, kind: str, reference: str) -> str:
        """Where the registry has it: kind is manifests or blobs."""
        return f"{self.scheme}://{self.host}/v2/{self.name}/{kind}/{reference}"

    def __str__(self) -> str:
        return f"{self.host}/{self.name}{'@' if ':' in self.wanted else ':'}{self.wanted}"


class Descriptor(NamedTuple):
    """A blob or a manifest, as another document names it."""

    digest: str  # ALGORITHM:HEX
    size: int  # bytes
    media_type: str
    title: str  # a file's name, where there is one
    architecture: str

    def __str__(self) -> str:
        return f"{self.title or self.media_type} ({self.size} bytes, {self.digest[:19]})"


def _descriptor(entry: Any) -> Descriptor:
    digest, size = entry["digest"], entry["size"]
    if not (
        isinstance(digest, str)
        and re.fullmatch(image_reference.DIGEST, digest)
        and isinstance(size, int)
        and size >= 0
    ):
        raise ValueError("a digest or a size that isn't one")
    return Descriptor(
        digest=digest,
        size=size,
        media_type=str(entry.get("mediaType", "")),
        title=str((entry.get("annotations") or {}).get(_TITLE, "")),
        architecture=str((entry.get("platform") or {}).get("architecture", "")),
    )


def _document(content: bytes, name: object) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise SourceError(f"{name}: the manifest is no JSON") from error
    if not isinstance(document, dict):
        raise SourceError(f"{name}: the manifest is no JSON object")
    return document


def _entries(document: Mapping[str, Any], key: str, name: object) -> list[Descriptor]:
    try:
        return [_descriptor(entry) for entry in document[key]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{name}: the manifest's {key} can't be read: {error}") from error


def chosen_manifest(content: bytes, architecture: str, name: object) -> Descriptor | None:
    """Of an index, the one manifest for the architecture; None where this is a manifest by itself."""
    document = _document(content, name)
    if "manifests" not in document:
        return None
    entries = _entries(document, "manifests", name)
    fitting = [each for each in entries if each.architecture == architecture] or entries
    if len(fitting) != 1:
        listed = ", ".join(f"{each.architecture or 'any'} {each.digest[:19]}" for each in entries) or "none"
        raise SourceError(f"{name}: not exactly one manifest for {architecture}: there are {listed}")
    return fitting[0]


def disk_layer(content: bytes, name: object) -> Descriptor:
    """The one layer that is the disk image; SourceError that lists them where there isn't exactly one."""
    layers = _entries(_document(content, name), "layers", name)
    if len(layers) != 1:
        listed = ", ".join(str(each) for each in layers) or "none"
        raise SourceError(
            f"{name}: a disk image is exactly one layer, and there are {len(layers)}: {listed}",
            hint="push it by itself: oras push REGISTRY/REPOSITORY:TAG FILE",
        )
    return layers[0]
