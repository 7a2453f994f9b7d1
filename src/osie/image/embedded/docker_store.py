"""Images in the form in which Docker Engine stores them (overlay2), with links to where their files are.

Source: moby's layer/filestore.go, image/fs.go, reference/store.go, distribution/metadata and
daemon/graphdriver/overlay2, in Docker 26.1.
What is left out, tar-split.json.gz, is needed only to push or save an image.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from osie.image.embedded.embedded import (
    StoredImage,
    StoredLayer,
    by_id,
    layers_of,
    link,
    link_name,
    mounted,
    write,
)


def chain_id(chain: Sequence[str]) -> str:
    """The chain's name, in hexadecimal (OCI image-spec, config.md, "Layer ChainID")."""
    name = chain[0]
    for diff_id in chain[1:]:
        name = "sha256:" + hashlib.sha256(f"{name} {diff_id}".encode()).hexdigest()
    return name.removeprefix("sha256:")


def create(images: Sequence[StoredImage], folder: Path) -> None:
    """Fill `folder` with what an empty data root needs for Docker to have the images."""
    distinct = by_id(images)
    write(
        folder / "image/overlay2",
        {
            "repositories.json": json.dumps({"Repositories": _names(distinct)}),
            **{f"imagedb/content/sha256/{image.id}": image.config for image in distinct},
        },
    )
    for layers in layers_of(distinct).values():
        _layer(layers, folder)
    _registered([layer for image in images for layer in image.layers], folder / "image/overlay2/distribution")


def _names(images: Sequence[StoredImage]) -> dict[str, dict[str, str]]:
    """The images' IDs by repository and whole name."""
    found: dict[str, dict[str, str]] = {}
    for image in images:
        for name in image.names:
            found.setdefault(name.familiar_repository, {})[name.familiar] = f"sha256:{image.id}"
    return found


def _layer(layers: Sequence[StoredLayer], folder: Path) -> None:
    """The uppermost of the layers; the others have been written."""
    layer, chain = layers[-1], chain_id(layers[-1].chain)
    record = {"cache-id": chain, "diff": layer.diff_id, "size": str(layer.size)}
    if len(layers) > 1:
        record["parent"] = f"sha256:{chain_id(layer.chain[:-1])}"
    write(folder / "image/overlay2/layerdb/sha256" / chain, record)
    driver = {"link": link_name(chain), "committed": ""}
    below = [chain_id(each.chain) for each in mounted(layers)[1:]]
    if below:
        driver["lower"] = ":".join(f"l/{link_name(each)}" for each in below)
        (folder / "overlay2" / chain / "work").mkdir(parents=True)
    write(folder / "overlay2" / chain, driver)
    link(
        folder / "overlay2",
        {f"{chain}/diff": layer.files, f"l/{link_name(chain)}": f"../{chain}/diff"},
    )


def _registered(layers: Sequence[StoredLayer], folder: Path) -> None:
    """By these two, a pull of an image with one of the layers knows that the layer is here."""
    digests: dict[str, dict[str, None]] = {}
    for layer in layers:
        write(folder, {f"diffid-by-digest/{layer.digest.replace(':', '/')}": layer.diff_id})
        digests.setdefault(layer.diff_id, {})[layer.digest] = None
    for diff_id, known in digests.items():
        told = [{"Digest": digest, "SourceRepository": "", "HMAC": ""} for digest in known]
        write(folder, {f"v2metadata-by-diffid/{diff_id.replace(':', '/')}": json.dumps(told)})
