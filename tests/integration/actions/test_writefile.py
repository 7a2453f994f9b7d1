"""writefile on a real ext4 file system: the file is right and whole, and no link leads out of the disk."""

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from osie.core.process import run


@pytest.fixture
def writing(file_system: Path) -> dict[str, object]:
    """The settings all of these share."""
    return {"DEST_DISK": file_system, "FS_TYPE": "ext4", "DEST_PATH": "/etc/osie/token.json"}


def test_a_file_and_its_folders_are_made_as_told(
    file_system: Path, writing: dict[str, object], looked_into: Any, action: Any
) -> None:
    """Contents, owner and modes are those asked for, the folders' too, whatever the umask."""
    asked = {"CONTENTS": "two\nlines ü", "UID": 12, "GID": 34, "MODE": "4640", "DIRMODE": "0751"}
    done = action("writefile", **writing, **asked)
    assert done.returncode == 0, done.stderr
    with looked_into(file_system) as root:
        file = root / "etc/osie/token.json"
        assert file.read_text() == "two\nlines ü"
        for path, mode in ((file, 0o4640), (file.parent, 0o751), (root / "etc", 0o751)):
            status = path.stat()
            assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12, 34, mode)
        assert [path.name for path in file.parent.iterdir()] == ["token.json"]


def test_an_existing_file_is_replaced_and_its_folder_left(
    file_system: Path, writing: dict[str, object], looked_into: Any, action: Any
) -> None:
    """Only the file changes; a second run gives the same."""
    with looked_into(file_system) as root:
        (root / "etc/osie").mkdir(parents=True, mode=0o700)
        (root / "etc/osie/token.json").write_text("much longer than what follows")
    for _ in range(2):
        assert action("writefile", **writing, CONTENTS="", UID=7).returncode == 0
    with looked_into(file_system) as root:
        assert (root / "etc/osie/token.json").read_text() == ""
        assert (root / "etc/osie").stat().st_uid == 0
        assert stat.S_IMODE((root / "etc/osie").stat().st_mode) == 0o700


@pytest.mark.parametrize("link", ["absolute", "relative"])
def test_a_link_in_the_path_leads_to_the_disks_own_folder(
    link: str, file_system: Path, writing: dict[str, object], looked_into: Any, action: Any, tmp_path: Path
) -> None:
    """A link to /x or ../../../x means the disk's /x, never ours."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with looked_into(file_system) as root:
        (root / str(outside)[1:]).mkdir(parents=True)
        (root / "etc").symlink_to(outside if link == "absolute" else f"../../../..{outside}")
    done = action("writefile", **writing, CONTENTS="x")
    assert done.returncode == 0, done.stderr
    assert list(outside.iterdir()) == []
    with looked_into(file_system) as root:
        assert (root / str(outside)[1:] / "osie/token.json").read_text() == "x"


def test_a_link_in_the_files_place_is_replaced(
    file_system: Path, writing: dict[str, object], looked_into: Any, action: Any, tmp_path: Path
) -> None:
    """The file isn't written through a link, to wherever it points."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    with looked_into(file_system) as root:
        (root / "etc/osie").mkdir(parents=True)
        (root / "etc/osie/token.json").symlink_to(victim)
    assert action("writefile", **writing, CONTENTS="x").returncode == 0
    assert victim.read_text() == "untouched"
    with looked_into(file_system) as root:
        assert not (root / "etc/osie/token.json").is_symlink()


def test_a_full_file_system_keeps_the_old_file(
    file_system: Path, writing: dict[str, object], looked_into: Any, action: Any, assert_failed: Any
) -> None:
    """No room: the action fails, the file is the old one, and nothing is left beside it."""
    with looked_into(file_system) as root:
        (root / "etc/osie").mkdir(parents=True)
        (root / "etc/osie/token.json").write_text("old")
        fill(root / "fill")
    assert_failed(action("writefile", **writing, CONTENTS="n" * 100_000), "token.json on .*No space left")
    with looked_into(file_system) as root:
        assert (root / "etc/osie/token.json").read_text() == "old"
        assert len(list((root / "etc/osie").iterdir())) == 1


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        for piece in (1 << 20, 1 << 10):
            try:
                while file.write(os.urandom(piece)) == piece:
                    pass
            except OSError:
                continue


def test_nothing_stays_mounted(
    file_system: Path, writing: dict[str, object], action: Any, tmp_path: Path
) -> None:
    """After success and after failure the disk can be claimed alone, and no folder for mounting is left."""
    writing["TMPDIR"] = folder = tmp_path / "tmp"
    folder.mkdir()
    made = folder.stat().st_mtime_ns
    assert action("writefile", **writing, CONTENTS="x").returncode == 0
    assert folder.stat().st_mtime_ns > made, "nothing was mounted there"
    assert action("writefile", **{**writing, "DEST_PATH": "/lost+found"}, CONTENTS="x").returncode == 1
    os.close(os.open(file_system, os.O_RDWR | os.O_EXCL))
    assert list(folder.iterdir()) == []


def test_a_partition_that_appears_late_is_waited_for(
    file_system: Path, writing: dict[str, object], start_action: Any, tmp_path: Path, attach: Any
) -> None:
    """The node may come after the action has begun: udev is slower than a workflow."""
    whole = tmp_path / "partitioned"
    with whole.open("wb") as file:
        file.truncate(40 << 20)
    run(["sfdisk", "--quiet", whole], input=b"label: gpt\nstart=2048, size=65536\n")
    with whole.open("r+b") as file:
        file.seek(2048 * 512)
        file.write(file_system.read_bytes())
    disk = attach(whole)
    run(["partx", "--delete", disk], check=False)  # where this host's kernel reads partition tables itself
    partition = f"{disk}p1"
    process = start_action("writefile", **{**writing, "DEST_DISK": partition}, CONTENTS="x")
    assert process.stdout.readline() == f"waiting for {partition}\n"
    run(["partx", "--add", disk])
    try:
        assert process.wait(15) == 0, process.stderr.read()
    finally:
        run(["partx", "--delete", disk])


def test_a_file_system_of_another_kind_is_an_error(
    writing: dict[str, object], action: Any, assert_failed: Any
) -> None:
    """The line names device and kind."""
    done = action("writefile", **{**writing, "FS_TYPE": "squashfs"}, CONTENTS="x")
    assert_failed(done, f"can't mount {writing['DEST_DISK']} as squashfs")
    done = action("writefile", **{**writing, "FS_TYPE": "nonsense"}, CONTENTS="x")
    assert_failed(done, "as nonsense: not known to this kernel")


def test_sigterm_while_waiting_is_143(writing: dict[str, object], start_action: Any) -> None:
    """A stopped action says so by its exit status."""
    process = start_action("writefile", **{**writing, "DEST_DISK": "/dev/osie-none"}, CONTENTS="x")
    assert process.stdout.readline() == "waiting for /dev/osie-none\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 143
