"""Files that are whole or not there."""

from pathlib import Path

import pytest

from osie.core import files


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path) -> None:
    """What can't be written whole changes nothing."""
    target = tmp_path / "f"
    files.write_atomically(target, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_atomically(target, "\ud800")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert target.read_text() == "old"


def test_a_tree_s_digest_sees_names_modes_and_contents(tmp_path: Path) -> None:
    """Each change of a tree is another digest; byte code is none."""
    (tmp_path / "a").write_text("1")
    seen = {files.sha256_of_tree(tmp_path)}
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/a.pyc").write_text("x")
    assert files.sha256_of_tree(tmp_path) in seen
    (tmp_path / "a").chmod(0o755)
    seen.add(files.sha256_of_tree(tmp_path))
    (tmp_path / "a").write_text("2")
    seen.add(files.sha256_of_tree(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    seen.add(files.sha256_of_tree(tmp_path))
    assert len(seen) == 4
