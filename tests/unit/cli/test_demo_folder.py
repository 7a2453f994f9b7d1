"""The demo's own folder: what becomes of it, and of those that killed runs left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from osie.cli.demo import run_folder
from osie.core.errors import OsieError

_RUN = """
import sys, time
from pathlib import Path
from osie.cli.demo import run_folder
with run_folder.temporary(Path(sys.argv[1])) as folder:
    (folder / "disk.raw").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(1000)
"""


def test_a_killed_run_s_folder_goes_with_the_next_run(tmp_path: Path) -> None:
    """A living run's stays, and so does what isn't a run's; ours is gone with us."""
    others = [tmp_path / name for name in ("osie-demo-abcdef12", "osie-demo", "elsewhere")]
    for other in others:
        other.mkdir()
    link = tmp_path / "osie-demo-run-link"
    link.symlink_to(others[2])
    argv = [sys.executable, "-c", _RUN, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout is not None
            left = Path(run.stdout.readline().strip())
            with run_folder.temporary(tmp_path) as ours:
                assert left.is_dir() and ours.is_dir()
                assert run_folder.sweep(tmp_path) == []
            assert not ours.exists()
        finally:
            run.kill()
    assert left.is_dir()
    with run_folder.temporary(tmp_path) as ours:
        assert sorted(tmp_path.iterdir()) == sorted([ours, link, *others])


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_another_users_folder_stays(tmp_path: Path) -> None:
    """In /var/tmp anybody may make one of that name."""
    theirs = tmp_path / "osie-demo-run-theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    assert run_folder.sweep(tmp_path) == []
    assert theirs.is_dir()


def test_only_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    """Any other error goes through as it is."""
    with pytest.raises(OsieError, match="something else"), run_folder.room_in(tmp_path):
        raise OsieError("something else")
