"""OCI's JSON documents (image-spec 1.1) as values: config, manifest, and the index's entries. Pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from osie.oci.layer import digest_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


def config(
    *,
    entrypoint: Sequence[str],
    title: str,
    diff_ids: Sequence[str],
    architecture: str,
    created_s: int,
    python_path: str,
) -> bytes:
    """An image's config: how a container of it starts, and its layers by the digests of their plain tars."""
    created = datetime.fromtimestamp(created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": python_path,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # all there is to compile is compiled; RAM is for other things
    }
    return encode(
        {
            "created": created,
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Env": [f"{name}={value}" for name, value in environment.items()],
                "Entrypoint": list(entrypoint),
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.title": title,
                    "org.opencontainers.image.vendor": "Osie",
                    "org.opencontainers.image.licenses": "Apache-2.0",
                },
            },
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [
                {"created": created, "created_by": f"osie.oci {part}"}
                for part in ("base", *["packages"] * (len(diff_ids) - 2), title)[: len(diff_ids)]
            ],
        }
    )


def manifest(configuration: bytes, layers: Sequence[tuple[str, int]], layer_type: str) -> bytes:
    """An image's manifest; `layers` are digest and size of the compressed tars, the lowest first."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, digest_of(configuration), len(configuration)),
            "layers": [_descriptor(layer_type, digest, size) for digest, size in layers],
        }
    )


def reference(ref: str, digest: str, size: int, architecture: str) -> dict[str, Any]:
    """The index's entry that gives a manifest its name."""
    return {
        **_descriptor(MANIFEST, digest, size),
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {REF_NAME: ref},
    }


def index(references: Sequence[Mapping[str, Any]]) -> bytes:
    """A layout's index.json."""
    return encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(references)})


def encode(value: Mapping[str, Any]) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}
