"""A disk image in an OCI registry: an artifact whose one layer is the image, as `oras push` makes it.

The manifest names the digest and length of the blob, so what arrives is compared with them; a reference by
digest fixes the manifest as well. The blob comes over HTTP as any image: resumed, parallel, redirected.
"""

import hashlib
from collections.abc import Callable, Iterator

from osie.actions.fetch.http import HttpSource
from osie.actions.fetch.mirror import Mirror
from osie.actions.fetch.oci_access import Credentials, RegistryAccess
from osie.actions.fetch.oci_reference import (
    ACCEPT,
    MANIFEST_BYTES_MAX,
    Descriptor,
    Reference,
    chosen_manifest,
    disk_layer,
)
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import SourceError, whole

__all__ = ["Credentials", "OciSource", "oci_source"]


def oci_source(
    reference: str,
    credentials: Credentials | None,
    patience: Patience,
    tell: Callable[[str], None],
    *,
    connections: int = 2,
    architecture: str = "amd64",
    insecure: bool = False,
) -> "OciSource":
    """The source for REGISTRY/REPOSITORY:TAG or @sha256:...; SourceError where that is no reference.

    `architecture`: which manifest of an index. `insecure`: http, also where the registry isn't this machine.
    """
    parsed = Reference.parse(reference, insecure=insecure)
    return OciSource(parsed, credentials, patience, tell, connections=connections, architecture=architecture)


class OciSource:
    """The layer's bytes. Read from 0 to the end, in one go or several, they have the manifest's digest."""

    ends_clearly = True

    def __init__(
        self,
        reference: Reference,
        credentials: Credentials | None,
        patience: Patience,
        tell: Callable[[str], None],
        *,
        connections: int,
        architecture: str,
    ) -> None:
        self._reference = reference
        self._access = RegistryAccess(reference.scheme, reference.name, credentials, patience.stall_s)
        self._patience = patience
        self._tell = tell
        self._connections = connections
        self._architecture = architecture
        self._layer: Descriptor | None = None
        self._blob: HttpSource | None = None
        self._hash = hashlib.sha256()
        self._hashed = 0  # bytes from 0 on

    @property
    def total(self) -> int | None:
        """The layer's size, as the manifest says."""
        return self._layer.size if self._layer else None

    @property
    def seekable(self) -> bool:
        """Whether the registry heeds ranges."""
        return self._blob is not None and self._blob.seekable

    @property
    def digest(self) -> str:
        """The stored bytes' digest as ALGORITHM:HEX; empty before `open`."""
        return self._layer.digest if self._layer else ""

    @property
    def pinned(self) -> bool:
        """Whether the reference itself names a digest, so that nobody on the way can exchange the image."""
        return ":" in self._reference.wanted

    def open(self) -> None:
        """Read the manifest and reach the blob."""
        if self._blob is not None:
            return
        layer = self._layer = disk_layer(self._manifest(), self._reference)
        mirror = Mirror(self._reference.url("blobs", layer.digest), self._access)
        blob = HttpSource([mirror], self._patience, self._tell, connections=self._connections, checked=True)
        self._blob = blob
        blob.open()
        if blob.total not in (None, layer.size):
            raise SourceError(f"{mirror.name}: {blob.total} bytes, and the manifest says {layer.size}")

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The layer's bytes [start, end); SourceError behind the last where the manifest says otherwise."""
        self.open()
        assert self._blob is not None and self._layer is not None  # noqa: S101 - `open` made both
        if start == 0:
            self._hash, self._hashed = hashlib.new(self._layer.digest.partition(":")[0]), 0
        position = start
        for piece in self._blob.chunks(
            start, self._layer.size if end is None else min(end, self._layer.size)
        ):
            if self._hashed == position:
                self._hash.update(piece)
                self._hashed += len(piece)
            position += len(piece)
            yield piece
        if end is None and position != self._layer.size and start <= self._layer.size:
            raise SourceError(f"{self._reference}: the layer ends at byte {position} of {self._layer.size}")
        if self._hashed == self._layer.size and self._hash.hexdigest() != self.digest.partition(":")[2]:
            raise SourceError(f"{self._reference}: the layer's bytes don't have its digest {self.digest}")

    def close(self) -> None:
        """Give up all connections."""
        if self._blob is not None:
            self._blob.close()

    def _manifest(self) -> bytes:
        content = self._document(self._reference.wanted)
        chosen = chosen_manifest(content, self._architecture, self._reference)
        return content if chosen is None else self._document(chosen.digest)

    def _document(self, wanted: str) -> bytes:
        """A manifest by its tag or digest; by digest it is compared."""
        mirror = Mirror(self._reference.url("manifests", wanted), self._access, accept=ACCEPT)
        source = HttpSource([mirror], self._patience, self._tell)
        content = whole(source, MANIFEST_BYTES_MAX, f"{self._reference}: the manifest")
        algorithm, _, expected = wanted.partition(":")
        if expected and hashlib.new(algorithm, content).hexdigest() != expected:
            raise SourceError(f"{self._reference}: the manifest's bytes don't have its digest {wanted}")
        return content
