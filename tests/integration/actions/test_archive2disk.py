"""archive2disk against real file systems: what it keeps, what it refuses, and when anything is visible."""

import gzip
import io
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from disk_images import partitioned

from osie.core.process import run

MIB = 1 << 20


def _entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mtime = 1_000_000_000
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def _archive(*entries: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for one in entries:
            entry, content = one if isinstance(one, tuple) else (one, b"")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture(scope="module")
def system() -> bytes:
    """An archive with everything that a system's has."""
    capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    return _archive(
        _entry("etc", tarfile.DIRTYPE, mode=0o750, uid=7, gid=8),
        (_entry("etc/hosts", mode=0o640, uid=4711, gid=4712, uname="daemon", gname="daemon"), b"localhost"),
        _entry("etc/link", tarfile.SYMTYPE, linkname="/etc/hosts"),
        _entry("etc/hard", tarfile.LNKTYPE, linkname="etc/hosts"),
        (_entry("ping", mode=0o4755, pax_headers={"SCHILY.xattr.user.note": "kept"}), b"ELF"),
        (_entry("able", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": capability}), b"ELF"),
        _entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    )


def _run(action: Any, file_system: Path, url: str, **environment: object) -> Any:
    variables = {"FS_TYPE": "ext4", "DEST_PATH": "/", **environment}
    if "TARFILE_CHECKSUM" not in environment:
        variables["INSECURE_NO_TARFILE_CHECKSUM_VERIFICATION"] = "true"
    return action("archive2disk", ARCHIVE_URL=url, DEST_DISK=file_system, **variables)


@pytest.mark.parametrize("kind", ["raw", "gzip", "zstd"])
def test_a_system_arrives_as_it_was_packed(
    kind: str, system: bytes, pack: Any, serve: Any, action: Any, file_system: Path, looked_into: Any
) -> None:
    """Owners by number, modes, times, links, extended attributes and device nodes are the archive's."""
    served = serve(pack(kind, system))
    done = _run(action, file_system, served.url, TARFILE_CHECKSUM=served.checksum, ARCHIVE_TYPE="targz")
    assert done.returncode == 0, done.stderr
    with looked_into(file_system) as root:
        hosts, folder = (root / "etc/hosts").stat(), (root / "etc").stat()
        assert (hosts.st_uid, hosts.st_gid, stat.S_IMODE(hosts.st_mode)) == (4711, 4712, 0o640)
        assert (hosts.st_mtime, hosts.st_nlink) == (1_000_000_000, 2)
        assert (folder.st_uid, folder.st_gid, stat.S_IMODE(folder.st_mode)) == (7, 8, 0o750)
        assert folder.st_mtime == 1_000_000_000
        assert (root / "etc/link").readlink() == Path("/etc/hosts")
        assert (root / "etc/hard").samefile(root / "etc/hosts")
        assert stat.S_IMODE((root / "ping").stat().st_mode) == 0o4755
        assert os.getxattr(root / "ping", "user.note") == b"kept"
        assert len(os.getxattr(root / "able", "security.capability")) == 20
        assert (root / "null").stat().st_rdev == os.makedev(1, 3)
        assert sorted(path.name for path in root.iterdir() if path.name != "lost+found") == [
            "able", "etc", "null", "ping",
        ]  # fmt: skip


def test_a_wrong_digest_leaves_nothing(
    system: bytes, serve: Any, action: Any, file_system: Path, looked_into: Any, assert_failed: Any
) -> None:
    """What isn't the archive that was meant is never visible, not even in part."""
    served = serve(system)
    done = _run(action, file_system, served.url, TARFILE_CHECKSUM="sha256:" + "0" * 64)
    assert_failed(done, "digest is sha256")
    with looked_into(file_system) as root:
        assert [path.name for path in root.iterdir()] == ["lost+found"]


@pytest.mark.parametrize("where", [0.3, 0.99])
def test_a_cut_archive_leaves_nothing(
    where: float, serve: Any, action: Any, file_system: Path, looked_into: Any, assert_failed: Any
) -> None:
    """Without a digest too: an archive has an end, and one that was cut off lacks it."""
    whole = _archive(*((_entry(f"file{n}"), bytes(3000)) for n in range(20)))
    served = serve(whole[: int(len(whole.rstrip(b"\0")) * where) // 512 * 512])
    assert_failed(_run(action, file_system, served.url), "archive")
    with looked_into(file_system) as root:
        assert [path.name for path in root.iterdir()] == ["lost+found"]


def test_an_archive_that_stops_inside_a_header_is_an_error_whatever_its_digest(
    serve: Any, action: Any, file_system: Path, looked_into: Any, assert_failed: Any
) -> None:
    """GNU tar leaves that member out and says nothing."""
    served = serve(_archive((_entry("file"), b"x" * 512), (_entry("lost"), b"y" * 512))[: 1024 + 188])
    done = _run(action, file_system, served.url, TARFILE_CHECKSUM=served.checksum)
    assert_failed(done, "the archive is cut off: it has 1212 bytes, no whole number of 512-byte blocks")
    with looked_into(file_system) as root:
        assert [path.name for path in root.iterdir()] == ["lost+found"]


@pytest.mark.parametrize("blocks", [0, 1])
def test_an_archive_without_its_end_is_taken_where_its_digest_is_right(
    blocks: int, serve: Any, action: Any, file_system: Path, looked_into: Any, assert_failed: Any
) -> None:
    """Old kernels' archives have no block of zeroes at their end, SharpZipLib's one: that is told."""
    served = serve(_archive((_entry("file"), b"x" * 512)).rstrip(b"\0") + bytes(512 * blocks))
    assert_failed(_run(action, file_system, served.url), "without its end.*TARFILE_CHECKSUM")
    done = _run(action, file_system, served.url, TARFILE_CHECKSUM=served.checksum)
    assert done.returncode == 0, done.stderr
    assert "WARNING: the archive has no end" in done.stderr
    with looked_into(file_system) as root:
        assert (root / "file").read_bytes() == b"x" * 512


def test_what_tar_leaves_out_is_told(serve: Any, action: Any, file_system: Path) -> None:
    """A capability that stands only where libarchive looks isn't restored; tar says so and ends with 0."""
    keyword = "LIBARCHIVE.xattr.security.capability"
    entries = [_entry(f"{keyword}-{n}", pax_headers={keyword: "AQAAAgAgAAAAAAAAAAAAAAAAAAA"}) for n in (1, 2)]
    done = _run(action, file_system, serve(_archive(*entries)).url)
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if "gnoring unknown extended header keyword" in line]
    assert len(told) == 1
    assert told[0].startswith("WARNING: tar: ")
    assert keyword in told[0]


def test_warnings_are_bounded(serve: Any, action: Any, file_system: Path) -> None:
    """An archive can't fill the log."""
    entries = [_entry(f"f{n}", pax_headers={f"X.unknown{n}\x1b": "x"}) for n in range(500)]
    done = _run(action, file_system, serve(_archive(*entries)).url)
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "tar" in line]
    assert len(lines) == 11
    assert "more than these 10" in lines[-1]
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd"])
def test_padding_behind_a_compressed_archive_is_no_fault(
    kind: str, system: bytes, pack: Any, serve: Any, action: Any, file_system: Path
) -> None:
    """Tapes and block devices pad with zeroes, and tar takes it."""
    done = _run(action, file_system, serve(pack(kind, system) + bytes(777)).url)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("begins", "told"),
    [
        (b"PK\3\4", "it is a zip archive"),
        (partitioned(bytes(512)), "disk image, in zstd: it has an MBR.*image2disk"),
        (b"<html>", "a web page"),
        (b"\x01\x02", "unknown"),
        (gzip.compress(b"x"), "compressed twice"),
    ],
    ids=["zip", "disk", "page", "unknown", "twice"],
)
def test_what_is_no_tar_archive_is_named(
    begins: bytes, told: str, serve: Any, action: Any, file_system: Path, pack: Any, assert_failed: Any
) -> None:
    """Before tar gets to see it, inside a compression too."""
    assert_failed(_run(action, file_system, serve(pack("zstd", begins + bytes(1024))).url), told)


def test_nothing_is_written_outside(
    tmp_path: Path, serve: Any, action: Any, file_system: Path, looked_into: Any
) -> None:
    """Absolute names lose their slash; a link out of the folder isn't followed by what comes after it."""
    out = tmp_path / "out"
    out.mkdir()
    absolute = _archive((_entry(f"{out}/a"), b"x"))
    assert _run(action, file_system, serve(absolute).url).returncode == 0
    through = _archive(_entry("door", tarfile.SYMTYPE, linkname=str(out)), (_entry("door/b"), b"x"))
    _run(action, file_system, serve(through).url)
    above = _archive((_entry("../../c"), b"x"))
    assert _run(action, file_system, serve(above).url).returncode == 1
    assert list(out.iterdir()) == []
    with looked_into(file_system) as root:
        assert (root / str(out)[1:] / "a").read_bytes() == b"x"


def test_what_is_there_stays_but_for_what_is_replaced(
    serve: Any, action: Any, file_system: Path, looked_into: Any
) -> None:
    """Folders become one; files are replaced; a link to a folder is kept, and leads within the system."""
    with looked_into(file_system) as root:
        (root / "usr/bin").mkdir(parents=True)
        (root / "bin").symlink_to("/usr/bin")
        (root / "usr/old").write_text("old")
        (root / "usr/new").write_text("older")
        (root / ".osie-archive/tree/rest").mkdir(parents=True)  # of a run that was killed
    archive = _archive(
        _entry("usr", tarfile.DIRTYPE, mode=0o700),
        (_entry("usr/new"), b"new"),
        _entry("bin", tarfile.DIRTYPE, mode=0o755),
        (_entry("bin/tool"), b"tool"),
    )
    done = _run(action, file_system, serve(archive).url)
    assert done.returncode == 0, done.stderr
    assert "an earlier run was cut off" in done.stderr
    with looked_into(file_system) as root:
        assert (root / "usr/old").read_text() == "old"
        assert (root / "usr/new").read_text() == "new"
        assert (root / "usr/bin/tool").read_text() == "tool"
        assert (root / "bin").is_symlink()
        assert stat.S_IMODE((root / "usr").stat().st_mode) == 0o700
        assert not (root / ".osie-archive").exists()


def test_a_folder_of_its_own(
    tmp_path: Path, serve: Any, action: Any, file_system: Path, looked_into: Any
) -> None:
    """DEST_PATH is made where it is missing; a sparse file takes no more room than it did."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(64 * MIB)  # twice what the file system has
    packed = tmp_path / "sparse.tar"
    run(["tar", "--create", "--sparse", f"--file={packed}", f"--directory={tmp_path}", "sparse"])
    done = _run(action, file_system, serve(packed.read_bytes()).url, DEST_PATH="/srv/data")
    assert done.returncode == 0, done.stderr
    with looked_into(file_system) as root:
        assert (root / "srv/data/sparse").stat().st_size == 64 * MIB
        assert (root / "srv/data/sparse").stat().st_blocks == 0


def test_a_wrong_environment_is_told_at_once(action: Any, assert_failed: Any) -> None:
    """All of what is wrong, in one line, by the names that were given."""
    done = action("archive2disk", TARFILE_CHECKSUM="sha1:x", ARCHIVE_TYPE="zip", DEST_PATH="/../x")
    assert_failed(
        done, "ARCHIVE_URL is not set.*DEST_PATH.*ARCHIVE_TYPE is 'zip'.*TARFILE_CHECKSUM is 'sha1:x'"
    )


def test_an_archive_is_verified_unless_told_otherwise(action: Any, assert_failed: Any) -> None:
    """As upstream has it: without a digest, somebody must say that there shall be none."""
    done = action("archive2disk", ARCHIVE_URL="http://h/a", DEST_DISK="/dev/x", FS_TYPE="ext4", DEST_PATH="/")
    assert_failed(done, "TARFILE_CHECKSUM is not set, nor INSECURE_NO_TARFILE_CHECKSUM_VERIFICATION=true")


@pytest.mark.parametrize("case", ["no archive", "no list of digests", "corrupt", "empty"])
def test_what_is_wrong_from_the_start_leaves_every_byte(
    case: str, system: bytes, pack: Any, serve: Any, action: Any, file_system: Path, assert_failed: Any
) -> None:
    """Not even mounted is the file system, which would write to it."""
    away = serve(b"", {"status": 404})
    served = serve({"corrupt": pack("xz", system)[:40] + bytes(99), "empty": b""}.get(case, system))
    before = file_system.read_bytes()
    if case == "no list of digests":
        done = _run(action, file_system, served.url, TARFILE_CHECKSUM=f"{away.url}#x")
    else:
        done = _run(action, file_system, (away if case == "no archive" else served).url)
    assert_failed(done, {"corrupt": "corrupt|truncated", "empty": "is empty"}.get(case, "404"))
    assert file_system.read_bytes() == before


@pytest.mark.parametrize("way", ["file", "link to nothing"])
def test_a_folder_that_cannot_be_is_told_before_anything_is_extracted(
    way: str, system: bytes, serve: Any, action: Any, file_system: Path, looked_into: Any, assert_failed: Any
) -> None:
    """Something else is in its way: that can be known without the archive."""
    with looked_into(file_system) as root:
        if way == "file":
            (root / "srv").write_text("mine")
        else:
            (root / "srv").symlink_to("nowhere")
    done = _run(action, file_system, serve(system).url, DEST_PATH="/srv/new")
    assert_failed(done, "can.t move what is extracted to /srv/new: /srv: (Not a directory|No such file)")
    assert "extracting" not in done.stdout
