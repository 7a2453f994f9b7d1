"""A layer made whole shows what the kernel's overlayfs shows of it, and why it must be made so."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from archives import entry, tar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osie.core.process import run
from osie.image.embedded import flattening, layer_tar

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


class Folder(NamedTuple):
    """A folder of a layer: what is in it, and what it hides."""

    inside: dict[str, "Folder | None"]  # None: a file
    hidden: frozenset[str] = frozenset()
    is_opaque: bool = False


WORDS = st.sampled_from(["a", "b", "c"])
HIDDEN = st.frozensets(WORDS, max_size=2)


def _folders(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        Folder, st.dictionaries(WORDS, st.one_of(st.none(), inner), max_size=3), HIDDEN, st.booleans()
    )


LAYERS = st.recursive(_folders(st.none()), _folders, max_leaves=6)


def _entries(
    folder: Folder, number: int, at: str = ""
) -> Iterator[tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]]:
    for name, inside in folder.inside.items():
        if inside is None:
            yield entry(at + name), f"{number} {at}{name}".encode()
        else:
            yield entry(f"{at}{name}", tarfile.DIRTYPE, mode=0o750 + number)
            yield from _entries(inside, number, f"{at}{name}/")
    yield from (entry(f"{at}.wh.{name}") for name in folder.hidden)
    if folder.is_opaque:
        yield entry(f"{at}.wh..wh..opq")


def _mark(folder: Folder, place: Path) -> None:
    """Hide in overlayfs' way what the layer hides; where it has the name itself, what was below."""
    for name in folder.hidden:
        if name not in folder.inside:
            os.mknod(place / name, 0o20000, os.makedev(0, 0))
        elif folder.inside[name] is not None:
            os.setxattr(place / name, "trusted.overlay.opaque", b"y")
    if folder.is_opaque:
        os.setxattr(place, "trusted.overlay.opaque", b"y")
    for name, inside in folder.inside.items():
        if inside is not None:
            _mark(inside, place / name)


def _shown(folder: Path) -> dict[str, bytes | int]:
    """Contents of files, modes of folders."""
    return {
        str(path.relative_to(folder)): path.stat().st_mode if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
        if path.exists()  # a name that can be listed, and isn't there: overlayfs' mark, seen through another
    }


@contextmanager
def _mounted(folder: Path, kind: str, source: str, options: str) -> Iterator[Path]:
    folder.mkdir()
    run(["mount", "-t", kind, "-o", options, source, folder])
    try:
        yield folder
    finally:
        run(["umount", folder])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LAYERS, min_size=2, max_size=3))
def test_whole_layers_show_what_overlayfs_shows(
    tmp_path_factory: pytest.TempPathFactory, layers: list[Folder]
) -> None:
    """Of any layers on top of each other. The root's own attributes are the engine's."""
    folder = tmp_path_factory.mktemp("layers")
    # overlayfs takes no mark on a layer's root, where OCI allows it
    layers = [layer._replace(is_opaque=False) for layer in layers]
    whole: list[Path] = []
    for number, layer in enumerate(layers):
        (folder / "tar").write_bytes(tar(_entries(layer, number)))
        own = folder / f"own-{number}"
        hidden = layer_tar.unpack(folder / "tar", own)
        flattening.flatten(whole[-1:], hidden, own, folder / f"whole-{number}")
        whole.append(folder / f"whole-{number}")
    shown = _shown(whole[-1])
    for number, layer in enumerate(layers):
        if number:  # the lowest has nothing to hide
            _mark(layer, folder / f"own-{number}")
    lower = ":".join(str(folder / f"own-{number}") for number in reversed(range(len(layers))))
    with _mounted(folder / "merged", "overlay", "none", f"lowerdir={lower}") as merged:
        assert _shown(merged) == shown


def test_an_overlay_on_an_overlay_brings_removed_files_back(tmp_path: Path) -> None:
    """Why: what a layer hides is hidden in an overlay of its folders, but not through the root's overlay."""
    tree = tmp_path / "tree"
    for name in ("lower/d", "upper/d"):
        (tree / name).mkdir(parents=True)
    (tree / "lower/d/x").touch()
    os.setxattr(tree / "upper/d", "trusted.overlay.opaque", b"y")
    with _mounted(tmp_path / "direct", "overlay", "none", f"lowerdir={tree}/upper:{tree}/lower") as direct:
        assert _shown(direct).keys() == {"d"}
    for name in ("root-upper", "root-work"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tree},upperdir={tmp_path}/root-upper,workdir={tmp_path}/root-work"
    with (
        _mounted(tmp_path / "root", "overlay", "none", options) as root,
        _mounted(tmp_path / "through", "overlay", "none", f"lowerdir={root}/upper:{root}/lower") as through,
    ):
        assert _shown(through).keys() == {"d", "d/x"}
