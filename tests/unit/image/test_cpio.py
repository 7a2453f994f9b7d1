"""cpio archives: the host's own cpio reads them, and same entries are same bytes."""

import io
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.core.errors import OsieError
from osie.image.artifacts import cpio


def _archive(entries: list[cpio.Entry], mtime: int = 1) -> bytes:
    buffer = io.BytesIO()
    assert cpio.write(buffer, entries, mtime=mtime) == len(buffer.getvalue())
    return buffer.getvalue()


def test_real_cpio_lists_and_unpacks_it(tmp_path: Path) -> None:
    """`cpio` lists every member and unpacks contents, modes and links as they were given."""
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 5000)
    archive = _archive(
        [
            cpio.directory("bin"),
            cpio.file("bin/tool", b"#!/bin/sh\n", 0o755),
            cpio.file("large", large),
            cpio.symlink("bin/sh", "tool"),
            cpio.file("empty", b""),
        ]
    )
    listed = subprocess.run(["cpio", "-t", "--quiet"], input=archive, capture_output=True, check=True)
    assert listed.stdout.decode().split() == ["bin", "bin/tool", "large", "bin/sh", "empty"]
    target = tmp_path / "unpacked"
    target.mkdir()
    subprocess.run(["cpio", "-i", "--quiet"], input=archive, cwd=target, check=True)
    assert (target / "large").read_bytes() == large.read_bytes()
    assert (target / "bin/sh").readlink() == Path("tool")
    assert stat.S_IMODE((target / "bin/tool").stat().st_mode) == 0o755
    assert (target / "empty").read_bytes() == b""


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.binary(max_size=64)),
        unique_by=lambda entry: entry[0],
    )
)
def test_lengths_of_any_kind_keep_the_archive_aligned(files: list[tuple[str, bytes]]) -> None:
    """Whatever the lengths of names and contents, every header begins at a multiple of four."""
    archive = _archive([cpio.file(name, content) for name, content in files])
    assert len(archive) % 512 == 0
    at = 0
    for name, content in [*files, ("TRAILER!!!", b"")]:
        assert at % 4 == 0
        assert archive[at : at + 6] == b"070702"
        start = at + 110
        assert archive[start : start + len(name) + 1] == name.encode() + b"\0"
        data = (start + len(name) + 1 + 3) // 4 * 4
        assert archive[data : data + len(content)] == content
        at = (data + len(content) + 3) // 4 * 4


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    """Each file's checksum is in the archive: a reader that checks it, as the kernel does, finds damage."""
    held = tmp_path / "held"
    held.write_bytes(b"from a file")
    archive = _archive([cpio.file("given", b"from memory"), cpio.file("held", held)])
    for content in (b"from memory", b"from a file"):
        damaged = archive.replace(content, b"F" + content[1:])
        read = subprocess.run(
            ["cpio", "-iu", "--quiet"], input=damaged, cwd=tmp_path, capture_output=True, check=False
        )
        assert b"checksum error" in read.stderr


def test_same_entries_same_bytes(tmp_path: Path) -> None:
    """The archive depends on what was given, and not on the time, owner or inode of a file copied in."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"content")
    other.write_bytes(b"content")
    one.chmod(0o600)
    assert _archive([cpio.file("f", one)]) == _archive([cpio.file("f", other)])


def test_a_file_of_4_gib_is_an_error(tmp_path: Path) -> None:
    """A size that the form has no digits for is refused, rather than cut."""
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(OsieError, match="huge: 4294967296 bytes"):
        cpio.write(io.BytesIO(), [cpio.file("huge", huge)], mtime=0)
