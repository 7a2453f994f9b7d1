"""An OCI image layout: a folder of blobs and an index that names images. The registry reads what this writes.

A reader never finds the index naming a blob that isn't there: blobs come first, the index is replaced
atomically, and only then do blobs go that neither this index nor the one before it names. The one before
counts because a machine may be in the middle of a pull.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.oci import document

_VERSION = b'{"imageLayoutVersion": "1.0.0"}'


def publish(
    layout: Path,
    references: Sequence[Mapping[str, Any]],
    *,
    files: Mapping[str, Path],
    documents: Mapping[str, bytes],
) -> None:
    """Make `layout` hold exactly these images. `files` and `documents` are the blobs by digest."""
    with _lock(layout):
        if not (layout / "oci-layout").exists():
            write_atomically(layout / "oci-layout", _VERSION)
        for digest, content in documents.items():
            if not blob(layout, digest).exists():
                write_atomically(blob(layout, digest), content)
        for digest, path in files.items():
            _store(path, blob(layout, digest))
        path, content = layout / "index.json", document.index(references)
        before = path.read_bytes() if path.exists() else b""
        if content != before:
            kept = _named_by(layout, content) | _named_by(layout, before)
            write_atomically(path, content)
            _prune(layout, kept)


def blob(layout: Path, digest: str) -> Path:
    """Where the blob of that digest is, or would be."""
    algorithm, _, value = digest.partition(":")
    return layout / "blobs" / algorithm / value


def manifest(layout: Path, ref: str) -> tuple[bytes, bytes]:
    """The manifest and the config, as they are stored, of the image that the index calls `ref`."""
    index = layout / "index.json"
    if not index.exists():
        raise OsieError(f"{layout} holds no images", hint="`osie build` makes them")
    for entry in json.loads(index.read_bytes())["manifests"]:
        if entry.get("annotations", {}).get(document.REF_NAME) == ref:
            found = blob(layout, entry["digest"]).read_bytes()
            return found, blob(layout, json.loads(found)["config"]["digest"]).read_bytes()
    raise OsieError(f"{layout} holds no image {ref}")


def _named_by(layout: Path, index: bytes) -> set[str]:
    """All digests that an index names, directly and through its manifests."""
    named: set[str] = set()
    for entry in json.loads(index or b'{"manifests": []}')["manifests"]:
        named.add(entry["digest"])
        path = blob(layout, entry["digest"])
        if path.exists():  # of the index before, someone may have removed parts
            manifest = json.loads(path.read_bytes())
            named |= {part["digest"] for part in (manifest["config"], *manifest["layers"])}
    return named


def _prune(layout: Path, kept: set[str]) -> None:
    for path in (layout / "blobs/sha256").glob("*"):
        if f"sha256:{path.name}" not in kept:
            path.unlink()


def _store(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")  # ours alone: we hold the layout's lock
    shutil.copyfile(source, temporary)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(target)


@contextmanager
def _lock(layout: Path) -> Iterator[None]:
    layout.mkdir(parents=True, exist_ok=True)
    with (layout / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
