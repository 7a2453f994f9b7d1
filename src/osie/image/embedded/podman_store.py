"""Images in the form in which Podman stores them: an additional image store, read-only, used where it lies.

Source: containers-storage.conf(5), `additionalimagestores`; containers/storage's images.go, layers.go and
drivers/overlay; how layers are named: containers/image's storage/storage_dest.go.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from osie.image.embedded.embedded import (
    StoredImage,
    StoredLayer,
    by_id,
    created,
    layers_of,
    link,
    link_name,
    mounted,
    write,
)
from osie.image.embedded.layer_file import Form

# containers/storage, pkg/archive: the layer's compression in its registry
_COMPRESSION: Mapping[Form, int] = {"plain": 0, "gzip": 2, "zstd": 4}
_MANIFEST = "manifest"


def layer_id(chain: Sequence[str]) -> str:
    """The name that a layer gets on these others, in hexadecimal; a pull looks for it by that name."""
    name = chain[0].removeprefix("sha256:")
    for diff_id in chain[1:]:
        name = hashlib.sha256(f"{name}+{diff_id.removeprefix('sha256:')}".encode()).hexdigest()
    return name


def create(images: Sequence[StoredImage], folder: Path) -> None:
    """Fill `folder` with a store that has the images."""
    distinct = by_id(images)
    layers = layers_of(distinct).values()
    write(
        folder,
        {
            "overlay-images/images.json": json.dumps([_image(image) for image in distinct]),
            "overlay-images/images.lock": "",
            **{
                f"overlay-images/{image.id}/{_file_name(name)}": part
                for image in distinct
                for name, part in _documents(image).items()
            },
            "overlay-layers/layers.json": json.dumps([_record(each[-1]) for each in layers]),
            "overlay-layers/layers.lock": "",
        },
    )
    for each in layers:
        _files(each, folder / "overlay")


def _documents(image: StoredImage) -> Mapping[str, bytes]:
    return {_MANIFEST: image.manifest, f"sha256:{image.id}": image.config}


def _image(image: StoredImage) -> dict[str, object]:
    parts = _documents(image)
    digests = {name: f"sha256:{hashlib.sha256(part).hexdigest()}" for name, part in parts.items()}
    return {
        "id": image.id,
        "digest": digests[_MANIFEST],
        "names": [name.canonical for name in image.names],
        "layer": layer_id(image.layers[-1].chain),
        "metadata": "{}",
        "big-data-names": list(parts),
        "big-data-sizes": {name: len(part) for name, part in parts.items()},
        "big-data-digests": digests,
        "created": created(),
    }


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
        "compression": _COMPRESSION[layer.form],
    }


def _files(layers: Sequence[StoredLayer], folder: Path) -> None:
    """Where the files of the uppermost layer are, and what is mounted below them."""
    layer, *below = mounted(layers)
    identity = layer_id(layer.chain)
    driver = {"link": link_name(identity)}
    if below:
        driver["lower"] = ":".join(f"l/{link_name(layer_id(each.chain))}" for each in below)
    write(folder / identity, driver)
    link(folder, {f"{identity}/diff": layer.files, f"l/{link_name(identity)}": f"../{identity}/diff"})


def _file_name(key: str) -> str:
    """As images.go names the file of a big datum: plain names as they are, others encoded."""
    return key if key.isalpha() else "=" + base64.b64encode(key.encode()).decode()
