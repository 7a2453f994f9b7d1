"""An image in the form in which Docker Engine stores it (overlay2), with links to where its files are.

Source: moby's layer/filestore.go, image/fs.go, reference/store.go, distribution/metadata and
daemon/graphdriver/overlay2, in Docker 26.1.
What is left out, tar-split.json.gz, is needed only to push or save the image.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from osie.image.embedded import StoredImage, StoredLayer, link, link_name, write


def chain_id(chain: Sequence[str]) -> str:
    """The chain's name, in hexadecimal (OCI image-spec, config.md, "Layer ChainID")."""
    name = chain[0]
    for diff_id in chain[1:]:
        name = "sha256:" + hashlib.sha256(f"{name} {diff_id}".encode()).hexdigest()
    return name.removeprefix("sha256:")


def create(image: StoredImage, folder: Path) -> None:
    """Fill `folder` with what an empty data root needs for Docker to have the image."""
    repository = image.name.rpartition(":")[0]
    names = {"Repositories": {repository: {image.name: f"sha256:{image.id}"}}}
    write(
        folder / "image/overlay2",
        {
            "repositories.json": json.dumps(names),
            f"imagedb/content/sha256/{image.id}": image.config,
        },
    )
    for layer in image.layers:
        _layer(layer, folder)


def _layer(layer: StoredLayer, folder: Path) -> None:
    chain = chain_id(layer.chain)
    below = [chain_id(layer.chain[:depth]) for depth in range(len(layer.chain) - 1, 0, -1)]
    record = {"cache-id": chain, "diff": layer.diff_id, "size": str(layer.size)}
    if below:
        record["parent"] = f"sha256:{below[0]}"
    write(folder / "image/overlay2/layerdb/sha256" / chain, record)
    # By these two, a pull of an image with this layer knows that the layer is here.
    known = [{"Digest": layer.digest, "SourceRepository": "", "HMAC": ""}]
    write(
        folder / "image/overlay2/distribution",
        {
            f"diffid-by-digest/{layer.digest.replace(':', '/')}": layer.diff_id,
            f"v2metadata-by-diffid/{layer.diff_id.replace(':', '/')}": json.dumps(known),
        },
    )
    driver = {"link": link_name(chain), "committed": ""}
    if below:
        driver["lower"] = ":".join(f"l/{link_name(each)}" for each in below)
        (folder / "overlay2" / chain / "work").mkdir(parents=True)
    write(folder / "overlay2" / chain, driver)
    link(
        folder / "overlay2",
        {f"{chain}/diff": layer.files, f"l/{link_name(chain)}": f"../{chain}/diff"},
    )
