"""Paths in a root: links lead where they lead on the machine, never to a file of the build host."""

from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.image.profile import inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a link out of it, were it followed by the build host."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (tmp_path / "host").mkdir()
    (tmp_path / "host/x").write_text("the build host's")
    return root


@pytest.mark.parametrize("up", ["", "../../.."])
def test_an_absolute_link_starts_at_the_root_again(tmp_path: Path, root: Path, up: str) -> None:
    """A file through a link lands in the root, and the host's file stays; `..` ends at the root."""
    host = tmp_path / "host"
    (root / "etc/out").symlink_to(f"{up}{host}")
    place = inside.free(root, "/etc/out/x")
    assert place == root / str(host).lstrip("/") / "x"
    place.write_text("the profile's")
    assert (host / "x").read_text() == "the build host's"


def test_a_link_at_the_path_itself_is_replaced(tmp_path: Path, root: Path) -> None:
    """Not what it leads to."""
    (root / "etc/motd").symlink_to(tmp_path / "host/x")
    inside.free(root, "/etc/motd").write_text("the profile's")
    assert not (root / "etc/motd").is_symlink()
    assert (tmp_path / "host/x").read_text() == "the build host's"


@pytest.mark.parametrize(
    ("link", "target", "path", "why"),
    [
        ("var", "/run", "/var/x", "it leads to /run/x: /run is mounted over"),
        ("a", "b", "/a/x", "links that lead in a circle"),
        ("lib", "usr/lib", "/lib", "it is a folder"),
        ("x", "etc/file", "/x/y", "it is below a file"),
        ("x", "etc/file", "/etc/file/y", "it is below a file"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(root: Path, link: str, target: str, path: str, why: str) -> None:
    """As one sentence that begins with the path."""
    (root / "b").symlink_to("a")
    (root / "usr/lib").mkdir(parents=True)
    (root / "etc/file").touch()
    (root / link).symlink_to(target)
    with pytest.raises(OsieError) as caught:
        inside.free(root, path)
    assert str(caught.value).startswith(f"{path}: {why}")
