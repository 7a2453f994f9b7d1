"""One image of a layout as a tar that `docker load` takes, with plain layers.

The ramdisk's squashfs compresses what is in the tar, so compressed layers in it would only cost time. The
tar's first file, oci-manifest.json, is for us; Docker ignores it. It is the image's manifest as the registry
has it: from its digests an engine knows that it has a layer already, and doesn't pull it.
"""

import io
import json
import tarfile
from pathlib import Path

import zstandard

from osie.core.debian import EPOCH
from osie.core.errors import OsieError
from osie.oci import layout
from osie.oci.layer import digest_of

REGISTRY_MANIFEST = "oci-manifest.json"


def write(folder: Path, ref: str, tar: Path, name: str) -> None:
    """Write the image `ref` of the layout in `folder` to `tar`; loading it tags it `name`.

    The image's ID is its config's digest, the same as that of the image pulled from a registry.
    """
    registered, config = layout.manifest(folder, ref)
    manifest = json.loads(registered)
    diff_ids: list[str] = json.loads(config)["rootfs"]["diff_ids"]
    digests = [part["digest"] for part in manifest["layers"]]
    config_path = _path(manifest["config"]["digest"])
    contents = {
        "Config": config_path,
        "RepoTags": [name],
        "Layers": [_path(diff_id) for diff_id in diff_ids],
    }
    temporary = tar.with_name(f".{tar.name}.new")
    tar.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as archive:
            _add(archive, REGISTRY_MANIFEST, registered)
            _add(archive, "manifest.json", json.dumps([contents], sort_keys=True).encode())
            _add(archive, config_path, config)
            for digest, diff_id in zip(digests, diff_ids, strict=True):
                _add(archive, _path(diff_id), _plain(layout.blob(folder, digest), diff_id))
        temporary.replace(tar)
    finally:
        temporary.unlink(missing_ok=True)


def _plain(packed: Path, diff_id: str) -> bytes:
    """The layer's plain tar, checked."""
    content = zstandard.ZstdDecompressor().decompress(packed.read_bytes())
    if digest_of(content) != diff_id:
        raise OsieError(f"{packed}: not the layer that the image's config names", hint="remove the layout")
    return content


def _path(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(content), int(EPOCH), 0o644
    archive.addfile(entry, io.BytesIO(content))
