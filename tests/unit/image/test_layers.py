"""Layers as folders: what a tar may do, and what an engine sees where layers hide something."""

import os
import re
import stat
import tarfile
from pathlib import Path

import pytest
from archives import Entry, Image, docker, entry, tar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osie.contracts.image_reference import Reference
from osie.core.errors import OsieError
from osie.image.embedded import flattening, layer_tar
from osie.image.embedded.archived import Damaged
from osie.image.embedded.embedded import Unpacker, Wanted
from osie.image.embedded.layer_tar import Hidden

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def unpack(folder: Path, name: str, content: bytes) -> tuple[Path, Hidden]:
    """Unpack the tar into the folder of that name."""
    (folder / "tar").write_bytes(content)
    return folder / name, layer_tar.unpack(folder / "tar", folder / name)


def shown(folder: Path) -> dict[str, bytes | str | None]:
    """All that is in it: contents of files, targets of links, None for folders."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = None if path.is_dir() else path.read_bytes()
    return found


def test_files_are_as_the_tar_says(tmp_path: Path) -> None:
    """Owners, modes with set-user-ID, times, devices, pipes, links of both kinds, a capability."""
    capability = "SCHILY.xattr.security.capability"
    # VFS_CAP_REVISION_2, CAP_NET_RAW (capabilities(7)), as bytes that are no text but for surrogates
    raw = bytes.fromhex("0100000200200000000000000000000000000000")
    entries: list[Entry] = [
        entry("./", tarfile.DIRTYPE, mode=0o711, mtime=7),
        entry("d/", tarfile.DIRTYPE, mode=0o2750, uid=5, gid=6, mtime=9),
        (
            entry("d/su", mode=0o4755, uid=7, gid=8, mtime=1.9, pax_headers={capability: os.fsdecode(raw)}),
            b"x",
        ),
        entry("d/same", tarfile.LNKTYPE, linkname="d/su"),
        entry("d/link", tarfile.SYMTYPE, linkname="/etc/x", uid=3, mtime=-1),
        entry("d/null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        entry("d/pipe", tarfile.FIFOTYPE),
        (entry("implied/f"), b"y"),
    ]
    folder, hidden = unpack(tmp_path, "layer", tar(entries))
    assert not hidden
    su = (folder / "d/su").stat()
    assert (stat.S_IMODE(su.st_mode), su.st_uid, su.st_gid, su.st_mtime, su.st_nlink) == (0o4755, 7, 8, 1, 2)
    assert os.getxattr(folder / "d/su", "security.capability") == raw
    assert (folder / "d/su").samefile(folder / "d/same")
    directory = (folder / "d").stat()
    assert (stat.S_IMODE(directory.st_mode), directory.st_uid, directory.st_mtime) == (0o2750, 5, 9)
    assert ((folder / "d/link").lstat().st_uid, (folder / "d/link").lstat().st_mtime) == (3, 0)
    assert (folder / "d/null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((folder / "d/pipe").stat().st_mode)
    assert (stat.S_IMODE(folder.stat().st_mode), folder.stat().st_mtime) == (0o711, 7)
    assert stat.S_IMODE((folder / "implied").stat().st_mode) == 0o755


def test_links_to_folders_are_followed_inside(tmp_path: Path) -> None:
    """As in a chroot: /bin of the layer, not of the build host; what is above the root is the root."""
    entries: list[Entry] = [
        entry("bin", tarfile.SYMTYPE, linkname="/usr/bin"),
        entry("up", tarfile.SYMTYPE, linkname="../../.."),
        (entry("bin/tool"), b"x"),
        (entry("up/top"), b"y"),
    ]
    folder, _ = unpack(tmp_path, "layer", tar(entries))
    assert (folder / "usr/bin/tool").read_bytes() == b"x"
    assert (folder / "top").read_bytes() == b"y"


def test_what_hides_is_told(tmp_path: Path) -> None:
    """Whiteouts of both kinds, overlayfs' own form; aufs' bookkeeping is nothing. None becomes a file."""
    names = [".wh.a", "d/.wh.b", "e/.wh..wh..opq", ".wh..wh..opq", ".wh..wh.plnk", "f/.wh..wh.aufs"]
    own_form = entry("g", tarfile.CHRTYPE, devmajor=0, devminor=0)
    folder, hidden = unpack(tmp_path, "layer", tar([*map(entry, names), own_form]))
    assert hidden == Hidden(frozenset({"a", "d/b", "g"}), frozenset({"e", ""}))
    assert shown(folder) == {}


def test_a_layer_that_hides_is_made_whole(tmp_path: Path) -> None:
    """Hidden files are gone, whatever stands in the tar first; what the layer has itself stays, there too."""
    one, _ = unpack(
        tmp_path, "1", tar({"a": b"1", "d/x": b"1", "d/y": b"1", "e/x": b"1", "was/folder": b"1"})
    )
    two, _ = unpack(tmp_path, "2", tar({"a": b"2", "d/y": b"2"}))
    upper = {
        "d/new": b"3",
        "d/.wh..wh..opq": b"",
        ".wh.e": b"",
        "e/again": b"3",
        "was": b"3",
        "no/.wh.x": b"",
    }
    own, hidden = unpack(tmp_path, "own", tar(upper))
    flattening.flatten([one, two], hidden, own, tmp_path / "whole")
    assert shown(tmp_path / "whole") == {
        "a": b"2", "d": None, "d/new": b"3", "e": None, "e/again": b"3", "was": b"3",
    }  # fmt: skip
    assert (tmp_path / "whole/a").stat().st_ino == (two / "a").stat().st_ino, "nothing is stored twice"
    assert shown(one)["a"] == b"1"


def test_what_is_hidden_below_a_file_is_nothing(tmp_path: Path) -> None:
    """What a layer hides in a folder that is a file below it, or behind a link, isn't there to be hidden."""
    link = entry("link", tarfile.SYMTYPE, linkname="d")
    below, _ = unpack(tmp_path, "1", tar([(entry("a"), b""), (entry("d/x"), b"kept"), link]))
    hiding = ("a/.wh.x", "a/b/.wh.x", "a/.wh..wh..opq", "link/.wh.x", "link/.wh..wh..opq")
    own, hidden = unpack(tmp_path, "own", tar(map(entry, hiding)))
    flattening.flatten([below], hidden, own, tmp_path / "whole")
    assert shown(tmp_path / "whole") == {"a": b"", "d": None, "d/x": b"kept", "link": "d"}


def test_a_whole_layer_does_not_tell_when_it_was_made(tmp_path: Path) -> None:
    """Folders keep the times of the tars, also those that something was taken from."""
    directory = entry("d/", tarfile.DIRTYPE, mtime=5)
    below, _ = unpack(tmp_path, "1", tar([directory, (entry("d/x"), b"x"), (entry("d/e/y"), b"y")]))
    own, hidden = unpack(tmp_path, "own", tar([entry("d/.wh.x"), entry("d/e/.wh..wh..opq")]))
    flattening.flatten([below], hidden, own, tmp_path / "whole")
    assert (tmp_path / "whole/d").stat().st_mtime == 5
    assert (tmp_path / "whole/d/e").stat().st_mtime == (below / "d/e").stat().st_mtime


@pytest.mark.parametrize(
    "entries",
    [
        [entry("../out")],
        [entry("a/../../out")],
        [entry("link", tarfile.SYMTYPE, linkname="link"), entry("link/out")],
        [entry("hard", tarfile.LNKTYPE, linkname="/etc/hostname")],
        [entry("hard", tarfile.LNKTYPE, linkname="../tar")],
        [entry("file"), entry("file/below")],
        [entry("/")],
        [entry(".wh...")],
        [entry("d/.wh...")],
        [entry("d/.wh..")],
        [entry("d/.wh.")],
        [entry("odd", b"V")],
    ],
)
def test_what_is_no_layer_is_refused(tmp_path: Path, entries: list[tarfile.TarInfo]) -> None:
    """Paths and links out of the folder, also in what is hidden, and kinds of entries that no layer has."""
    with pytest.raises(OsieError, match=r"a layer|the layer"):
        unpack(tmp_path, "layer", tar(entries))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (entry("d/a", tarfile.SYMTYPE, linkname=""), "d/a"),
        (entry("a", tarfile.SYMTYPE, linkname="x" * 4096), "'a' is a link"),
        (entry("a", tarfile.SYMTYPE, linkname="-", pax_headers={"linkpath": "x\0y"}), "'a' can't be made"),
        (entry("a", tarfile.LNKTYPE, linkname="x" * 256), "too long"),
        (entry("d/" + "x" * 256), "too long"),
        (entry("d/" + "é" * 128), "too long"),
        (entry("d/" * 2048), "too long"),
        (entry("d/" * 2000 + "f"), "more than 300 folders"),
        (entry(f"{'x' * 254}/" * 16), "can't be made"),  # fits a machine, but not the build's folder
        (entry("d/.wh." + "x" * 256), "too long"),
        (entry("a", uid=1 << 32), "belongs to 4294967296:0"),
        (entry("a", gid=(1 << 32) - 1), "belongs to 0:4294967295"),
        (entry("d", tarfile.DIRTYPE, uid=1 << 62), "belongs to"),
        (entry("a", uid=-1), "belongs to -1:0"),
        (entry("a", pax_headers={"mtime": "inf"}), "time that is none"),
        (entry("d", tarfile.DIRTYPE, pax_headers={"mtime": "nan"}), "time that is none"),
        (entry("a", pax_headers={"SCHILY.xattr.security.capability": "x"}), "'a' can't be made"),
    ],
)
def test_what_no_file_can_be_is_refused(tmp_path: Path, wrong: tarfile.TarInfo, told: str) -> None:
    """Names, targets, owners, times and capabilities beyond what the kernel takes: told with the entry."""
    with pytest.raises(Damaged, match=re.escape(told)) as caught:
        unpack(tmp_path, "layer", tar([wrong]))
    assert len(str(caught.value)) < 700, "a name of any length isn't told in full"


def test_the_archive_is_named_where_a_layer_is_none(tmp_path: Path) -> None:
    """Whoever has several archives reads which one it is, and which file in it."""
    layer = tar([entry("d/a", uid=1 << 32)])
    archive = docker(tmp_path / "saved.tar", [Image([layer])])
    wanted = Wanted(Reference.parse("registry.example/tool:1"), archive, "")
    with pytest.raises(OsieError, match=r"^/.*/saved\.tar: a layer's file 'd/a' belongs to 4294967296:0"):
        Unpacker(tmp_path / "layers", "/x").add(wanted)


Entries = list[tuple[str, bytes, str]]
WORDS = st.sampled_from(["a", "b", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh...", ".wh.."])
PATHS = st.lists(WORDS, min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
ENTRIES = st.lists(st.tuples(PATHS, KINDS, PATHS), max_size=8)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lower=ENTRIES, upper=ENTRIES)
def test_nothing_outside_is_touched(
    tmp_path_factory: pytest.TempPathFactory, lower: Entries, upper: Entries
) -> None:
    """Whatever two layers hold, and however they end: the folders beside theirs stay as they were."""
    folder = tmp_path_factory.mktemp("f")
    for name in ("a", "b"):
        (folder / "outside" / name).mkdir(parents=True)
    (folder / "outside/a/a").write_text("x")
    inside = folder / "outside" / "layers"
    inside.mkdir()
    before = shown(folder / "outside")
    try:
        folders = []
        for number, entries in enumerate((lower, upper)):
            (folder / "tar").write_bytes(tar([entry(n, k, linkname=link) for n, k, link in entries]))
            hidden = layer_tar.unpack(folder / "tar", inside / str(number))
            folders.append(inside / str(number))
        flattening.flatten(folders[:1], hidden, folders[1], inside / "whole")
    except OsieError:
        pass
    after = {name: what for name, what in shown(folder / "outside").items() if not name.startswith("layers/")}
    assert after == before
