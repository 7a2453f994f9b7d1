"""Layers depend on nothing but what they hold."""

import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from osie.core.debian import EPOCH
from osie.core.errors import OsieError
from osie.oci import layer
from osie.oci.layer import Layer


def _tree(folder: Path, *, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}")
    return folder


def test_same_contents_give_same_digests(tmp_path: Path) -> None:
    """Neither the order of creation, nor times, nor the umask's leftovers change a layer."""
    one = _tree(tmp_path / "one", names=["b/two", "a", "b/one"])
    other = _tree(tmp_path / "other", names=["b/one", "b/two", "a"])
    os.utime(other / "a", (1, 1))
    (other / "a").chmod(0o600)
    (other / "b").chmod(0o700)
    layers = []
    for tree in (one, other):
        folder = tmp_path / f"{tree.name}.layer"
        folder.mkdir()
        layers.append(layer.write(tree, folder))
    assert layers[0].digest == layers[1].digest
    assert layers[0].diff_id == layers[1].diff_id


def test_a_tar_holds_root_s_files_at_one_time(tmp_path: Path) -> None:
    """Everything belongs to root at EPOCH; executables stay so, set-user-ID goes, /tmp stays sticky."""
    tree = _tree(tmp_path / "tree", names=["bin/tool", "etc/file"])
    (tree / "bin/tool").chmod(0o4755)
    (tree / "tmp").mkdir()
    (tree / "tmp").chmod(0o1777)
    (tree / "link").symlink_to("bin/tool")
    layer.write_tar(tree, tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as tar:
        entries = {entry.name: entry for entry in tar}
    assert list(entries) == ["bin", "bin/tool", "etc", "etc/file", "link", "tmp"]
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, int(EPOCH))}
    assert {name: oct(entry.mode) for name, entry in entries.items()} == {
        "bin": "0o755",
        "bin/tool": "0o755",
        "etc": "0o755",
        "etc/file": "0o644",
        "link": "0o777",
        "tmp": "0o1777",
    }
    assert entries["link"].linkname == "bin/tool"


def test_the_facts_of_a_layer_are_those_of_its_files(tmp_path: Path) -> None:
    """What is read back names the digests and sizes of the tar and of what the tar compresses to."""
    tree = _tree(tmp_path / "tree", names=["file"])
    written = layer.write(tree, tmp_path)
    read = Layer.read(tmp_path)
    assert read == written
    packed = read.packed.read_bytes()
    plain = zstandard.ZstdDecompressor().decompress(packed)
    assert plain == read.tar.read_bytes()
    assert (layer.digest_of(packed), len(packed)) == (read.digest, read.size)
    assert (layer.digest_of(plain), len(plain)) == (read.diff_id, read.tar_size)


@pytest.mark.parametrize("name", ["layer.tar", "layer.tar.zst", "layer.json"])
def test_a_layer_that_the_disk_has_lost_is_not_read(tmp_path: Path, name: str) -> None:
    """A file that is empty, as after a power cut, is told as Cache.read expects it."""
    layer.write(_tree(tmp_path / "tree", names=["file"]), tmp_path)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"0 bytes|Expecting value"):
        Layer.read(tmp_path)


def test_a_fifo_is_refused_with_its_name(tmp_path: Path) -> None:
    """What a layer can't hold is an error, not left out."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OsieError, match="pipe: neither"):
        layer.write_tar(tmp_path, tmp_path.parent / "layer.tar")
