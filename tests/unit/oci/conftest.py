"""Tiny images, made by the real writers, with no Debian in them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from osie.oci import document, layer, layout


@pytest.fixture
def publish(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Fill one layout with an image per name, each of one layer with one file of the given text."""

    def fill(images: dict[str, str]) -> Path:
        files: dict[str, Path] = {}
        documents: dict[str, bytes] = {}
        references = []
        for ref, text in images.items():
            folder = tmp_path / "layers" / layer.digest_of(text.encode())[7:]
            tree = folder / "tree"
            tree.mkdir(parents=True, exist_ok=True)
            (tree / "file").write_text(text)
            built = layer.write(tree, folder)
            config = document.config(
                entrypoint=["run"],
                title=ref,
                diff_ids=[built.diff_id],
                architecture="amd64",
                created_s=0,
                python_path="/python",
            )
            manifest = document.manifest(config, [(built.digest, built.size)], layer.MEDIA_TYPE)
            files[built.digest] = built.packed
            documents |= {layer.digest_of(content): content for content in (config, manifest)}
            references.append(document.reference(ref, layer.digest_of(manifest), len(manifest), "amd64"))
        target = tmp_path / "layout"
        layout.publish(target, references, files=files, documents=documents)
        return target

    return fill
