"""A full disk under the build cache, whoever notices it first: one sentence, and nothing left."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_disk import small_disk

from osie.core.cache import Cache, Silent
from osie.core.errors import OsieError
from osie.core.process import run


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    with small_disk(tmp_path / "tiny", 2) as place:
        yield place


def _squash(folder: Path) -> None:
    run(["mksquashfs", "/usr/bin", folder / "image", "-comp", "gzip", "-Xcompression-level", "1", "-quiet"])


def _copy_tree(folder: Path) -> None:
    source = folder.parent.parent / "tree"  # beside the small disk
    source.mkdir()
    for number in range(8):
        (source / str(number)).write_bytes(bytes(1 << 20))
    shutil.copytree(source, folder / "tree", symlinks=True)


@pytest.mark.parametrize(
    "step",
    [
        lambda folder: (folder / "file").write_bytes(bytes(8 << 20)) and None,
        lambda folder: run(["dd", "if=/dev/zero", f"of={folder}/file", "bs=1M", "count=8"]) and None,
        _squash,
        _copy_tree,
    ],
    ids=["write", "dd", "mksquashfs", "copytree"],
)
def test_a_full_disk_is_told_as_that(tiny: Path, step: Callable[[Path], None]) -> None:
    """A write of ours, a program's, mksquashfs', one of many in a copied tree: all come out the same."""
    with pytest.raises(OsieError) as caught:
        Cache(tiny, Silent()).get("step", ["a"], step)
    assert str(caught.value) == f"the disk that holds {tiny} is full: step step can't be finished"
    assert caught.value.__cause__ is None
    assert list(tiny.iterdir()) == []
