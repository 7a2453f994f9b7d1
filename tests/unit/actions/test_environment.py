"""Settings are read by name and type, and everything that is wrong is told at once."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.cexec.settings import commands
from osie.actions.environment import Environment, SettingsError
from osie.actions.image2disk import settings as image2disk
from osie.actions.trust import checksum
from osie.actions.writefile import placing as writefile

GOOD = {"IMG_URL": "https://h/i.zst", "DEST_DISK": "/dev/sda"}
FILE = {"DEST_DISK": "/dev/sda1", "FS_TYPE": "ext4", "DEST_PATH": "/a", "CONTENTS": ""}


def test_upstreams_variables_suffice() -> None:
    """What a template for the upstream action sets is enough; the rest has defaults."""
    wanted = image2disk.read({**GOOD, "COMPRESSED": "true"})
    assert wanted.urls == (GOOD["IMG_URL"],)
    assert not wanted.settings.trust.verified
    fetch = wanted.settings.fetch
    assert fetch.compressed
    assert fetch.patience.retry
    assert (fetch.patience.outage_s, fetch.patience.total_s) == (600, None)
    assert fetch.interval_s == 1


def test_an_image_may_be_in_several_places() -> None:
    """IMG_URL holds mirrors, the preferred one first, with blanks between them."""
    mirrors = "https://a/i.zst  http://b/i.zst\nfile:///i.zst"
    wanted = image2disk.read({**GOOD, "IMG_URL": mirrors, "FETCH_DEADLINE_MINUTES": "0.5"})
    assert wanted.urls == ("https://a/i.zst", "http://b/i.zst", "file:///i.zst")
    assert wanted.settings.fetch.patience.total_s == 30


def test_every_error_is_told_at_once() -> None:
    """One run names all variables that are wrong."""
    wrong = {"IMG_URL": "gopher://x", "CHECKSUM": "sha256:zz", "RETRY_ENABLED": "maybe", "TEXT_LOGGING": "?"}
    with pytest.raises(SettingsError) as caught:
        image2disk.read(wrong)
    assert re.findall(r"(?:^|; )([A-Z_]+) ", str(caught.value)) == [
        "IMG_URL",
        "DEST_DISK",
        "CHECKSUM",
        "RETRY_ENABLED",
        "TEXT_LOGGING",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMG_URL", "http://"),
        ("IMG_URL", "http://h:port/x"),
        ("IMG_URL", "http://h/a b"),
        ("IMG_URL", " "),
        ("IMG_URL", "/a/path"),
        ("IMG_URL", "https://user:secret@h/x"),
        ("DEST_DISK", "sda"),
        ("DEST_DISK", ""),
        ("CHECKSUM", "0" * 64),
        ("CHECKSUM", f"sha512:{'0' * 64}"),
        ("RAW_CHECKSUM", "md5:" + "0" * 32),
        ("READBACK", "some"),
        ("RETRY_DURATION_MINUTES", "-1"),
        ("FETCH_DEADLINE_MINUTES", "soon"),
        ("RETRY_DURATION_MINUTES", "nan"),
        ("PROGRESS_INTERVAL_SECONDS", "inf"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    """And only that one."""
    with pytest.raises(SettingsError, match=rf"^{name} [^;]*$") as caught:
        image2disk.read({**GOOD, name: value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODE", "0888"),
        ("MODE", "rw"),
        ("DIRMODE", "17777"),
        ("UID", "root"),
        ("GID", "-1"),
        ("UID", str(2**32 - 1)),
    ]
    + [("DEST_PATH", path) for path in ("relative", "/", "/a/../../b", "/a\0b")],
)
def test_a_files_settings_are_checked(name: str, value: str) -> None:
    """Owners are numbers, modes octal, the path absolute and inside."""
    with pytest.raises(SettingsError, match=rf"^{name} "):
        writefile.read({**FILE, name: value})


@given(st.dictionaries(st.sampled_from([*FILE, "UID", "GID", "MODE", "DIRMODE"]), st.text()))
def test_no_value_breaks_the_reader(variables: dict[str, str]) -> None:
    """Any text gives settings or a SettingsError, nothing else."""
    with contextlib.suppress(SettingsError):
        writefile.read(variables)


def test_a_checksum_may_be_in_capitals() -> None:
    """Some sites print them so."""
    assert str(checksum.parse(f"SHA256:{'AB' * 32}")) == f"sha256:{'ab' * 32}"


def test_a_variable_may_have_another_name() -> None:
    """The other name counts where the own one isn't set, and is the one that errors tell."""
    names = {"CHECKSUM": "TARFILE_CHECKSUM"}
    assert Environment({"TARFILE_CHECKSUM": "x"}, other_names=names).text("CHECKSUM", "") == "x"
    assert Environment({"TARFILE_CHECKSUM": "x", "CHECKSUM": "y"}, other_names=names).text("CHECKSUM") == "y"
    with pytest.raises(SettingsError, match=r"^TARFILE_CHECKSUM is wrong"):
        environment = Environment({"TARFILE_CHECKSUM": "x"}, other_names=names)
        environment.error("CHECKSUM", "is wrong")
        environment.check()


@pytest.mark.parametrize(
    ("line", "interpreter", "argvs"),
    [
        ("a; b > c", "/bin/sh -c", [("/bin/sh", "-c", "a; b > c")]),
        ("a 'b;c' ; d\\ e;", "", [("a", "b;c"), ("d e",)]),
        ("update-grub", "", [("update-grub",)]),
        ("a # b", "", [("a", "#", "b")]),
    ],
)
def test_command_lines_become_argument_lists(
    line: str, interpreter: str, argvs: list[tuple[str, ...]]
) -> None:
    """An interpreter gets the line as it is; without one the line is split at semicolons and blanks."""
    assert list(commands(line, interpreter)) == argvs
