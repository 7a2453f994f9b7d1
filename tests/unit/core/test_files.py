"""Files that are whole or not there."""

import subprocess
import sys
import tempfile
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


def test_a_full_disk_is_told_with_the_file_s_name() -> None:
    """write(2) knows no name, so that "No space left on device" alone would not say where."""
    code = (
        "import resource, signal, sys, pathlib\n"
        "from osie.core import files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "files.write_atomically(pathlib.Path(sys.argv[1]) / 'f', bytes(8192))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, check=False
        )
        assert f"File too large: '{folder}/f'" in done.stderr
        assert list(Path(folder).iterdir()) == []


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
