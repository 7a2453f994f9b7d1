"""archive2disk with what GNU's, BSD's and busybox' tar write: the same tree comes out."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from osie.core.process import run

MIB = 1 << 20
LONG = "a-long-name-" * 12  # more than the 100 bytes of a ustar header


@dataclass(frozen=True)
class Archiver:
    """A program and how it is called; it is given the folder's entries."""

    name: str
    command: tuple[str, ...]
    attributes: bool = False  # extended ones, too


ARCHIVERS = (
    Archiver("GNU tar, gnu", ("tar", "--format=gnu", "-cf")),
    Archiver("GNU tar, oldgnu, sparse", ("tar", "--format=oldgnu", "--sparse", "-cf")),
    Archiver("GNU tar, pax", ("tar", "--format=posix", "--xattrs", "-cf"), attributes=True),
    *(
        Archiver(f"GNU tar, pax, sparse {version}",
                 ("tar", "--format=posix", "--sparse", f"--sparse-version={version}", "-cf"))
        for version in ("0.0", "0.1", "1.0")
    ),
    Archiver("bsdtar, pax", ("bsdtar", "--format=pax", "-cf"), attributes=True),
    Archiver("bsdtar, gnutar", ("bsdtar", "--format=gnutar", "-cf")),
    Archiver("busybox tar", ("busybox", "tar", "-cf")),
)  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long name, a name in Unicode, a sparse file, links, modes, owners, an extended attribute."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "sub").mkdir(mode=0o750)
    (folder / "sub" / LONG).write_bytes(b"long")
    (folder / "Grüße").write_bytes(b"x" * 513)
    with (folder / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(2 * MIB)
        file.write(b"middle")
        file.truncate(3 * MIB)
    (folder / "link").symlink_to("sub")
    (folder / "hard").hardlink_to(folder / "Grüße")
    (folder / "suid").write_bytes(b"")
    os.chown(folder / "suid", 123_456, 65_535)
    (folder / "suid").chmod(0o4711)
    os.setxattr(folder / "suid", "user.note", b"kept")
    return folder


def _told(folder: Path) -> dict[str, tuple[object, ...]]:
    """What is in the folder: kinds, modes, owners, times, contents."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.name == "lost+found":
            continue
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        where = path.readlink() if path.is_symlink() else None
        about = (status.st_mode, status.st_uid, status.st_gid, int(status.st_mtime), where, content)
        found[str(path.relative_to(folder))] = about
    return found


@pytest.mark.parametrize("archiver", ARCHIVERS, ids=lambda archiver: archiver.name)
def test_the_tree_comes_out(
    archiver: Archiver, tree: Path, tmp_path: Path, action: Any, file_system: Path, looked_into: Any
) -> None:
    """Names, kinds, modes, owners, times, contents and holes; a hard link is one file."""
    archive = tmp_path / "made.tar"
    run([*archiver.command, archive, *sorted(path.name for path in tree.iterdir())], cwd=tree)
    _extract(action, archive, file_system)
    with looked_into(file_system) as root:
        assert _told(root) == _told(tree)
        assert (root / "hard").samefile(root / "Grüße")
        if "sparse" in archiver.name:
            assert (root / "sparse").stat().st_blocks * 512 < MIB
        if archiver.attributes:
            assert os.getxattr(root / "suid", "user.note") == b"kept"


def _extract(action: Callable[..., "subprocess.CompletedProcess[str]"], archive: Path, disk: Path) -> None:
    done = action(
        "archive2disk", ARCHIVE_URL=archive.as_uri(), DEST_DISK=disk, FS_TYPE="ext4", DEST_PATH="/",
        INSECURE_NO_TARFILE_CHECKSUM_VERIFICATION="true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_only_libarchive_reads_is_told(
    tree: Path, tmp_path: Path, action: Any, file_system: Path
) -> None:
    """bsdtar can write attributes for itself alone: they don't come out, and tar's word is handed on."""
    archive = tmp_path / "made.tar"
    run(["bsdtar", "--format=pax", "--options=xattrheader=LIBARCHIVE", "-cf", archive, "suid"], cwd=tree)
    done = action(
        "archive2disk", ARCHIVE_URL=archive.as_uri(), DEST_DISK=file_system, FS_TYPE="ext4", DEST_PATH="/",
        INSECURE_NO_TARFILE_CHECKSUM_VERIFICATION="true",
    )  # fmt: skip
    assert done.returncode == 0
    assert (
        "WARNING: tar: Ignoring unknown extended header keyword 'LIBARCHIVE.xattr.user.note'" in done.stderr
    )
