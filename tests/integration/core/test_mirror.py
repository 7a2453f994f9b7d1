"""Packages from a mirror: a real one, made of two tiny packages, and read by mmdebstrap and apt."""

import hashlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_disk import small_disk

from osie.core import debian, mirror, packages
from osie.core.cache import Cache, Silent
from osie.core.debian import PackageSet, installed
from osie.core.errors import OsieError
from osie.core.patience import Patience
from osie.core.process import run


@dataclass(frozen=True)
class Repository:
    """A Debian mirror in a folder: one flat suite."""

    folder: Path

    def publish(self, version: str) -> None:
        """Two packages of that version: `tool`, which depends on `library`, and files to leave out."""
        stanzas = ""
        for name, depends in (("tool", "Depends: library\n"), ("library", "")):
            root = self.folder / f"{name}.root"
            for path, text in ((f"usr/bin/{name}", version), (f"usr/share/doc/{name}/copyright", "x")):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n{depends}"
            control += "Maintainer: t <t@example.org>\nDescription: t\n"
            (root / "DEBIAN").mkdir(exist_ok=True)
            (root / "DEBIAN/control").write_text(control)
            deb = self.folder / f"{name}_{version}_amd64.deb"
            subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, deb], check=True)
            digest = hashlib.sha256(deb.read_bytes()).hexdigest()
            stanzas += f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n"
        (self.folder / "Packages").write_text(stanzas)

    def wanted(self) -> PackageSet:
        """The tool, from here."""
        return PackageSet(("tool",), mirror=f"deb [trusted=yes] copy:{self.folder} ./")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Version 1.0 of both packages is out."""
    if os.geteuid() != 0:
        pytest.skip("mmdebstrap needs root")
    folder = tmp_path / "mirror"
    folder.mkdir()
    made = Repository(folder)
    made.publish("1.0")
    return made


def _unpacked(repository: Repository, cache: Cache) -> Path:
    return packages.unpacked(
        repository.wanted(), cache, step="packages", exclude=["/usr/share/doc/*", "/usr/nothing"]
    )


def _grow_old(cache: Cache) -> None:
    """As if the mirror had been asked more than a day ago."""
    (note,) = cache.root.glob(".lists-*")
    asked = json.loads(note.read_text())
    past = asked["at"] - mirror.MAX_AGE_S - 1
    note.write_text(json.dumps({**asked, "at": past, "tried": past}))


def test_packages_are_unpacked_with_what_they_depend_on(repository: Repository, tmp_path: Path) -> None:
    """Both packages' files are there but for those excluded, and dpkg's database says whose they are."""
    tree = _unpacked(repository, Cache(tmp_path / "cache", Silent()))
    assert (tree / "usr/bin/tool").read_text() == "1.0"
    assert (tree / "usr/bin/library").is_file()
    assert not list((tree / "usr/share/doc").iterdir())
    assert installed(tree) == [{"name": "library", "version": "1.0"}, {"name": "tool", "version": "1.0"}]
    assert "./usr/bin/tool\n" in (tree / "var/lib/dpkg/info/tool.list").read_text()


def test_a_tar_is_made_on_the_disk_that_it_is_for(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TMPDIR may be full: the tree is made beside the tar, and goes."""
    (tmp_path / "result").mkdir()
    with small_disk(tmp_path / "full", 1) as full:
        with pytest.raises(OSError, match="No space left"):
            (full / "all").write_bytes(bytes(2 << 20))
        monkeypatch.setenv("TMPDIR", str(full))
        debian.unpack(repository.wanted(), tmp_path / "result/tree.tar")
    assert [path.name for path in (tmp_path / "result").iterdir()] == ["tree.tar"]
    assert "./usr/bin/tool" in run(["tar", "--list", "-f", tmp_path / "result/tree.tar"]).stdout.split()


def test_a_newer_version_is_another_result(repository: Repository, tmp_path: Path) -> None:
    """Versions are part of the key: the same set is the same result until the mirror was asked again."""
    cache = Cache(tmp_path / "cache", Silent())
    first = _unpacked(repository, cache)
    repository.publish("2.0")
    assert _unpacked(repository, cache) == first  # nobody asked
    mirror.refresh(repository.wanted(), cache)
    second = _unpacked(repository, cache)
    assert second != first
    assert (second / "usr/bin/tool").read_text() == "2.0"
    assert (first / "usr/bin/tool").read_text() == "1.0"


def test_the_mirror_is_asked_again_after_a_day(repository: Repository, tmp_path: Path) -> None:
    """Lists that are older than a day are not gone by where the mirror answers."""
    cache = Cache(tmp_path / "cache", Silent())
    first = _unpacked(repository, cache)
    repository.publish("2.0")
    _grow_old(cache)
    assert _unpacked(repository, cache) != first


def test_notes_that_the_disk_has_lost_are_made_anew(repository: Repository, tmp_path: Path) -> None:
    """An empty or half note of the cache's, as after a power cut, is as one that isn't there."""
    cache = Cache(tmp_path / "cache", Silent())
    first = _unpacked(repository, cache)
    for pattern in (".lists-*", "package-versions-*/packages.json"):
        for left in ("", '{"lists": "x", "at"', "[1]"):
            for note in cache.root.glob(pattern):
                note.write_text(left)
            assert _unpacked(repository, cache) == first, f"{pattern}: {left}"


def test_a_digest_that_is_not_the_lists_is_refused(repository: Repository, tmp_path: Path) -> None:
    """A file that changed on the mirror is not unpacked, and nothing of it stays in the cache."""
    deb = repository.folder / "tool_1.0_amd64.deb"
    content = bytearray(deb.read_bytes())
    content[-1] ^= 1
    deb.write_bytes(content)
    cache = Cache(tmp_path / "cache", Silent())
    with pytest.raises(OsieError, match=r"tool 1.0 can't be downloaded: .*"):
        _unpacked(repository, cache)
    assert not list(cache.root.glob("packages-*"))
    assert not list(cache.root.glob(".unfinished-*"))


def test_an_unreachable_mirror_is_one_clear_line(tmp_path: Path) -> None:
    """The mirror and the reason are told in one sentence, and nothing is left in the cache."""
    if os.geteuid() != 0:
        pytest.skip("mmdebstrap needs root")
    cache = Cache(tmp_path / "cache", Silent())
    with pytest.raises(OsieError) as caught:
        mirror.names(PackageSet(("tool",), mirror="http://127.0.0.1:9/debian"), cache)
    message = str(caught.value)
    assert "http://127.0.0.1:9/debian" in message
    assert "onnect" in message
    assert "\n" not in message
    assert list(cache.root.iterdir()) == []


@pytest.fixture
def silent() -> Iterator[str]:
    """A mirror's address where connections are accepted (by the kernel), and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/debian"


def test_a_silent_mirror_is_told_and_given_up(
    silent: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It's said whom the build waits for, and after four silences that there are no lists."""
    if os.geteuid() != 0:
        pytest.skip("mmdebstrap needs root")
    begun = time.monotonic()
    wanted = PackageSet(("tool",), mirror=silent)
    with pytest.raises(
        OsieError, match=rf"^no package lists .* from {re.escape(silent)}: .*Connection failed"
    ):
        mirror.fetch_lists(wanted, tmp_path, Patience(silence_s=1, told_after_s=0.5))
    assert time.monotonic() - begun < 20
    assert f"still waiting for the package lists of trixie from {silent}" in caplog.text


def test_a_mirror_that_answers_is_not_told(
    repository: Repository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only a wait that is worth it is said."""
    mirror.fetch_lists(repository.wanted(), tmp_path, Patience(told_after_s=60))
    assert not caplog.text


def test_older_lists_do_where_the_mirror_is_gone(
    repository: Repository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Built once, it's built again without a network; that the lists are old is said, once an hour."""
    cache = Cache(tmp_path / "cache", Silent())
    first = _unpacked(repository, cache)
    repository.folder.rename(tmp_path / "gone")
    _grow_old(cache)
    assert _unpacked(repository, cache) == first
    assert "going by those of" in caplog.text
    caplog.clear()
    assert _unpacked(repository, cache) == first
    assert not caplog.text
