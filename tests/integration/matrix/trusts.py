"""The kinds of trust: what the operator says beforehand about the bytes."""

from functools import cache
from hashlib import sha256

from integration.matrix.formats import Stored
from unruly import Unruly

from osie.contracts.image_manifest import BLOCK_BYTES, ImageManifest
from osie.contracts.image_manifest import Stored as StoredFile

TRUSTS = ("no digest", "digest", "manifest")


def vouching(trust: str, stored: Stored, server: Unruly) -> dict[str, str]:
    """The variables that say what the image has to be."""
    if trust == "digest":
        return {"CHECKSUM": f"sha256:{sha256(stored.data).hexdigest()}"}
    if trust == "manifest":
        manifest = manifest_of(stored)
        return {"MANIFEST_URL": server.serve(manifest.encode()).url, "MANIFEST_ROOT": manifest.root}
    return {}


@cache
def manifest_of(stored: Stored) -> ImageManifest:
    """The manifest of the right image."""
    raw = stored.raw
    hashes = [sha256(raw[at : at + BLOCK_BYTES]).digest() for at in range(0, len(raw), BLOCK_BYTES)]
    kind = stored.name.partition(",")[0]
    file = StoredFile(len(stored.data), f"sha256:{sha256(stored.data).hexdigest()}", kind, stored.points)
    return ImageManifest.of(raw_size=len(raw), hashes=b"".join(hashes), holes=stored.holes, stored=file)
