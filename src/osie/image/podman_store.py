"""An image in the form in which Podman stores it: an additional image store, read-only, used where it lies.

Source: containers-storage.conf(5), `additionalimagestores`; containers/storage's images.go, layers.go and
drivers/overlay; how layers are named: containers/image's storage/storage_dest.go.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from osie.image.embedded import StoredImage, StoredLayer, created, link, link_name, write

_ZSTD = 4  # containers/storage, pkg/archive: the layer's compression in its registry
_MANIFEST = "manifest"


def layer_id(chain: Sequence[str]) -> str:
    """The name that a layer gets on these others, in hexadecimal; a pull looks for it by that name."""
    name = chain[0].removeprefix("sha256:")
    for diff_id in chain[1:]:
        name = hashlib.sha256(f"{name}+{diff_id.removeprefix('sha256:')}".encode()).hexdigest()
    return name


def create(image: StoredImage, folder: Path) -> None:
    """Fill `folder` with a store that has the image."""
    parts = {_MANIFEST: image.manifest, f"sha256:{image.id}": image.config}
    digests = {name: f"sha256:{hashlib.sha256(part).hexdigest()}" for name, part in parts.items()}
    record = {
        "id": image.id,
        "digest": digests[_MANIFEST],
        "names": [f"docker.io/{image.name}"],  # the registry that Docker's API means where a name has none
        "layer": layer_id(image.layers[-1].chain),
        "metadata": "{}",
        "big-data-names": list(parts),
        "big-data-sizes": {name: len(part) for name, part in parts.items()},
        "big-data-digests": digests,
        "created": created(),
    }
    write(
        folder,
        {
            "overlay-images/images.json": json.dumps([record]),
            "overlay-images/images.lock": "",
            **{f"overlay-images/{image.id}/{_file_name(name)}": part for name, part in parts.items()},
            "overlay-layers/layers.json": json.dumps([_record(layer) for layer in image.layers]),
            "overlay-layers/layers.lock": "",
        },
    )
    for layer in image.layers:
        _files(layer, folder / "overlay")


def _record(layer: StoredLayer) -> dict[str, object]:
    parent = {"parent": layer_id(layer.chain[:-1])} if len(layer.chain) > 1 else {}
    return {
        "id": layer_id(layer.chain),
        **parent,
        "created": created(),
        "compressed-diff-digest": layer.digest,
        "compressed-size": layer.packed_size,
        "diff-digest": layer.diff_id,
        "diff-size": layer.size,
        "compression": _ZSTD,
    }


def _files(layer: StoredLayer, folder: Path) -> None:
    identity = layer_id(layer.chain)
    below = [layer_id(layer.chain[:depth]) for depth in range(len(layer.chain) - 1, 0, -1)]
    driver = {"link": link_name(identity)}
    if below:
        driver["lower"] = ":".join(f"l/{link_name(each)}" for each in below)
    write(folder / identity, driver)
    link(folder, {f"{identity}/diff": layer.files, f"l/{link_name(identity)}": f"../{identity}/diff"})


def _file_name(key: str) -> str:
    """As images.go names the file of a big datum: plain names as they are, others encoded."""
    return key if key.isalpha() else "=" + base64.b64encode(key.encode()).decode()
