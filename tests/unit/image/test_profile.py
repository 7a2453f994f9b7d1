"""Profiles: what a file means, how profiles extend each other, and that all errors are told at once."""

from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.image.profile import profile, toml_text

PROFILES = Path(__file__).parents[3] / "profiles"


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_the_default_profile_loads() -> None:
    """The profile that ships is valid, and keeps to what was promised: Docker, below 130 MB."""
    default = profile.load("default", PROFILES)
    assert default.engine == "docker"
    assert default.size_budget_bytes is not None
    assert default.size_budget_bytes <= 130_000_000


def test_every_error_is_told_with_file_and_path(tmp_path: Path) -> None:
    """Errors of different kinds in one file come in one message, each with the file and the path in it."""
    path = _write(
        tmp_path,
        "bad",
        """
        name = "bad"
        engin = "docker"
        engine = "rocket"
        packages = ["good", "Not A Package"]
        size_budget_bytes = 0
        [modules]
        classes = ["netwrok"]
        [firmware]
        classes = ["netwrok-rare"]
        packages = ["-"]
        [[images]]
        name = "quay.io/Actions/cexec"
        action = "cexce"
        [[images]]
        name = "quay.io/actions/cexec@sha256:1"
        source = "absent.tar"
        [[images]]
        name = "quay.io/none"
        sourc = "x"
        [[images]]
        name = "quay.io/none"
        [[images]]
        name = "docker.io/osie/tink-worker:embedded"
        source = "x"
        [[images]]
        name = "quay.io/a@sha256:%s"
        action = "cexec"
        [[files]]
        path = "etc/relative"
        content = ""
        [[files]]
        path = "/etc/both"
        """
        % ("a" * 64),
    )
    with pytest.raises(OsieError) as caught:
        profile.load("bad", tmp_path)
    message = str(caught.value)
    for expected in (
        f"{path}: engin: unknown key; did you mean 'engine'?",
        f"{path}: engine: ",
        f"{path}: packages.1: ",
        f"{path}: size_budget_bytes: ",
        f"{path}: modules.classes.0: unknown module class 'netwrok'; did you mean 'network'?",
        f"{path}: firmware.classes.0: unknown firmware class 'netwrok-rare'; did you mean 'network-rare'?",
        f"{path}: firmware.packages.0: ",
        f"{path}: images.0.name: 'Actions/cexec' is not a repository",
        f"{path}: images.0.action: unknown action 'cexce'; did you mean 'cexec'?",
        f"{path}: images.1.name: 'sha256:1' is not a digest",
        f"{path}: images.3: needs exactly one of 'action' and 'source'",
        f"{path}: images.2.sourc: unknown key; did you mean 'source'?",
        f"{path}: images.4.name: 'docker.io/osie/tink-worker:embedded' is the worker's own image",
        f"{path}: images.5: an action's name can't have a digest",
        f"{path}: files.0.path: ",
        f"{path}: files.1: needs exactly one of 'content' and 'source'",
    ):
        assert expected in message


def test_errors_of_the_extended_profile_are_told_too(tmp_path: Path) -> None:
    """A profile and the one it extends are both checked before anything is refused."""
    _write(tmp_path, "base", 'name = "base"\nsuite = 7\n')
    _write(tmp_path, "child", 'name = "child"\nextends = "base"\npackages = [""]\n')
    with pytest.raises(OsieError) as caught:
        profile.load("child", tmp_path)
    assert "base.toml: suite: " in str(caught.value)
    assert "child.toml: packages.0: " in str(caught.value)


def test_what_extends_adds_to_lists_and_replaces_values(tmp_path: Path) -> None:
    """Lists of the extended profile come first and stay; single values are those of the extending one."""
    (tmp_path / "motd").write_text("hello")
    _write(
        tmp_path,
        "base",
        """
        name = "base"
        suite = "trixie"
        packages = ["udev", "kmod"]
        size_budget_bytes = 1
        modules.classes = ["disk"]
        [[files]]
        path = "/etc/motd"
        source = "motd"
        """,
    )
    _write(
        tmp_path,
        "child",
        """
        name = "child"
        extends = "base"
        packages = ["kmod", "tcpdump"]
        size_budget_bytes = 2
        modules = { classes = ["usb"], names = ["dummy"] }
        """,
    )
    child = profile.load("child", tmp_path)
    assert child.name == "child"
    assert child.suite == "trixie"
    assert child.packages == ("udev", "kmod", "tcpdump")
    assert child.modules.classes == ("disk", "usb")
    assert child.modules.names == ("dummy",)
    assert child.size_budget_bytes == 2
    assert child.files[0].data() == b"hello"


def test_images_are_added_and_the_last_of_a_name_stays(tmp_path: Path) -> None:
    """A profile's own image takes the place of the extended one's, in whichever form the name is written."""
    (tmp_path / "mine.tar").touch()
    _write(
        tmp_path,
        "base",
        """
        name = "base"
        suite = "trixie"
        packages = ["udev"]
        [[images]]
        name = "tools/cexec"
        action = "cexec"
        [[images]]
        name = "tools/reboot"
        action = "reboot"
        """,
    )
    mine = _write(
        tmp_path,
        "mine",
        """
        name = "mine"
        extends = "base"
        [[images]]
        name = "docker.io/tools/cexec:latest"
        source = "mine.tar"
        """,
    )
    loaded = profile.load("mine", tmp_path)
    assert [(image.action, image.source) for image in loaded.images] == [
        (None, tmp_path / "mine.tar"),
        ("reboot", None),
    ]
    assert loaded.place("images", "docker.io/tools/cexec:latest") == f"{mine}: images.0"
    _write(tmp_path, "again", toml_text.text(loaded))
    assert profile.load("again", tmp_path).model_dump() == loaded.model_dump()


def test_one_name_twice_in_a_file_is_an_error(tmp_path: Path) -> None:
    """One of the two would never be there; which one is not for us to choose."""
    text = '[[images]]\nname = "{}"\naction = "cexec"\n'
    path = _write(
        tmp_path, "x", 'name = "x"\n' + text.format("a") + text.format("docker.io/library/a:latest")
    )
    with pytest.raises(OsieError) as caught:
        profile.load("x", tmp_path)
    told = f"{path}: images.1.name: 'docker.io/library/a:latest' is the name of images.0 too"
    assert told in str(caught.value)


def test_firmware_classes_are_packages(tmp_path: Path) -> None:
    """Classes are spelled out, each package once; lists grow as all lists do."""
    firmware = {"classes": ("fibre-channel", "network"), "packages": ("firmware-bnx2", "firmware-x")}
    _write(tmp_path, "base", 'name = "base"\n[firmware]\nclasses = ["fibre-channel"]')
    text = 'name = "top"\nextends = "base"\nsuite = "trixie"\npackages = ["udev"]\n[firmware]\n'
    _write(tmp_path, "top", text + 'classes = ["network"]\npackages = ["firmware-bnx2", "firmware-x"]')
    loaded = profile.load("top", tmp_path)
    assert loaded.firmware.model_dump() == firmware
    found = loaded.firmware.all_packages
    assert found[0] == "firmware-qlogic"
    assert found[-1] == "firmware-x"
    assert len(set(found)) == len(found) == 7


def test_a_profile_by_path(tmp_path: Path) -> None:
    """A name that ends in .toml is the path of a profile; what it extends is found in the folder."""
    path = _write(tmp_path, "mine", 'name = "mine"\nextends = "default"\n')
    assert profile.load(str(path), PROFILES).packages == profile.load("default", PROFILES).packages


def test_an_unknown_name_says_what_there_is() -> None:
    """A wrong name is answered with the nearest profile, and the hint lists all."""
    with pytest.raises(OsieError, match="did you mean 'default'") as caught:
        profile.load("defualt", PROFILES)
    assert "default" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name = "x', "not valid TOML"),
        ('name = "x"\nextends = "x"', "in a circle"),
        ('name = "x"\nextends = "y"', "there is no such profile"),
        ('name = "x"', "suite: missing"),
        ('name = "x"\n[[files]]\npath = "/a"\nsource = "absent"', "files.0.source: "),
        ('name = "x"\n[[images]]\nname = "a"\nsource = "absent"', "images.0.source: "),
        ('name = "x"\nfirmware = ["firmware-bnx2"]', "firmware: must be a table, [firmware], with"),
    ],
)
def test_a_profile_that_cannot_stand_alone(tmp_path: Path, text: str, expected: str) -> None:
    """Broken TOML, circles, absent parents, missing keys and absent sources are one clear error each."""
    path = _write(tmp_path, "x", text)
    with pytest.raises(OsieError) as caught:
        profile.load("x", tmp_path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('name = "Bad Name"', "name: 'Bad Name' is not a name: lower-case letters, digits and '-'"),
        ('packages = ["X_"]', "packages.0: 'X_' is not a package: lower-case letters, digits, '+', '.', '-'"),
        ('modules.names = ["a.ko"]', "modules.names.0: 'a.ko' is not a module: letters, digits, '_' and '-'"),
        ('kernel_parameters = ["a b"]', "'a b' is not a kernel parameter: NAME or NAME=VALUE"),
        ('exclude = ["usr"]', "exclude.0: 'usr' is not a path's pattern: it begins with '/'"),
        ('engine = "lxc"', "engine: expected 'docker' or 'podman', found 'lxc'"),
        ('suite = "--version"', "suite: '--version' is not a suite of Debian's, such as trixie"),
        ('mirror = "-"', "mirror: '-' is not a URL, or a line of sources.list(5)"),
        ('kernel_parameters = ["a=\\u001b"]', "no space, quote or control character"),
        ('description = "\\u001b[2J"', "description: '\\x1b[2J' is not one line"),
        ("size_budget_bytes = true", "size_budget_bytes: expected a whole number, found True"),
        (f"memory_min_mib = {10**23}", "memory_min_mib: expected less than or equal to 67108864, found 1000"),
        (f"memory_min_mib = {'1' * 5000}", "not valid TOML: "),
        (f"packages = {'[' * 3000}{']' * 3000}", "x.toml: not a profile: lists or tables nested too deep"),
        ("suite = 7", "suite: expected text, found 7"),
        ("packages = 7", "packages: expected a list, found 7"),
        ('compresion = "xz"', "compresion: unknown key; did you mean 'compression'?"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(tmp_path: Path, line: str, expected: str) -> None:
    """In words, not as a regular expression, and with the value that was given."""
    name = "" if line.startswith("name") else 'name = "x"\n'
    _write(tmp_path, "x", f"{name}{line}\n")
    with pytest.raises(OsieError) as caught:
        profile.load("x", tmp_path)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/run/x", "/run is mounted over"),
        ("/var/run/x", "/run is mounted over"),
        ("//var/./run/x/y", "/run is mounted over"),
        ("/proc/x", "/proc is mounted over"),
        ("/sys/x", "/sys is mounted over"),
        ("/dev/x", "/dev is mounted over"),
        ("/var/lib/docker/x", "/var/lib/docker is mounted over"),
        ("/etc/inittab", "/etc/inittab is Osie's own"),
        ("/usr/lib/osie", "/usr/lib/osie is Osie's own"),
        ("/lib/osie/start", "/usr/lib/osie is Osie's own"),
        ("/osie/python", "/osie is Osie's own"),
        ("/etc", "it is a folder"),
        ("/lib", "it is a folder"),
        ("/a\\u0000b", "can't be the path of a file"),
        ("/" + "a" * 256, "can't be the path of a file"),
        ("/etc/.", "must be an absolute path of a file"),
    ],
)
def test_a_file_where_it_would_be_lost_is_an_error(tmp_path: Path, path: str, why: str) -> None:
    """What is mounted over, what is Osie's own, what is a folder, however it is written: with its place."""
    place = _write(tmp_path, "x", f'name = "x"\n[[files]]\npath = "{path}"\ncontent = ""\n')
    with pytest.raises(OsieError) as caught:
        profile.load("x", tmp_path)
    assert f"{place}: files.0.path: " in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/profile", "/tmp/x", "/runs", "/usr/lib/osie.d/x", "/var/lib/x"])
def test_a_file_beside_those_is_the_profiles(tmp_path: Path, path: str) -> None:
    """What only resembles them is free, and so is the shell's profile."""
    text = f'name = "x"\nsuite = "trixie"\npackages = ["udev"]\nfiles = [{{ path = "{path}", content = "" }}]'
    _write(tmp_path, "x", text)
    assert profile.load("x", tmp_path).files[0].path == path


def test_a_file_below_a_file_is_an_error(tmp_path: Path) -> None:
    """Be the other one's in an extended profile, and spelled through a link: both places are told."""
    text = 'name = "{}"\nfiles = [{{ path = "{}", content = "" }}]\n'
    base = _write(tmp_path, "base", 'suite = "trixie"\npackages = ["udev"]\n' + text.format("base", "/bin/a"))
    top = _write(tmp_path, "top", 'extends = "base"\n' + text.format("top", "/usr/bin/a/b"))
    with pytest.raises(OsieError) as caught:
        profile.load("top", tmp_path)
    told = f"{top}: files.0.path: '/usr/bin/a/b' is below a file, that of {base}: files.0"
    assert told in str(caught.value)


@pytest.mark.parametrize("written", ["base", "base.toml"])
def test_what_is_extended_is_found_beside_the_file(
    tmp_path: Path, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command runs, and whatever is there by that name."""
    shipped, mine, elsewhere = (tmp_path / name for name in ("shipped", "mine", "elsewhere"))
    for place in (shipped, mine, elsewhere):
        place.mkdir()
        _write(place, "base", f'name = "base"\nsuite = "{place.name}"\npackages = ["udev"]')
    top = _write(mine, "top", f'name = "top"\nextends = "{written}"')
    monkeypatch.chdir(elsewhere)
    assert profile.load(str(top), shipped).suite == "mine"


@pytest.mark.parametrize("written", ["virtual", "virtual.toml"])
def test_a_profile_may_extend_the_shipped_one_of_its_name(tmp_path: Path, written: str) -> None:
    """`my/virtual.toml` that extends "virtual" means the one that comes with Osie, not itself."""
    mine = _write(tmp_path, "virtual", f'name = "mine"\nextends = "{written}"\nsuite = "sid"')
    loaded = profile.load(str(mine), PROFILES)
    assert (loaded.suite, loaded.extends[0]) == ("sid", "virtual")


def test_description_and_name_are_a_profiles_own(tmp_path: Path) -> None:
    """Neither comes from what is extended; whom a profile extends is known, nearest first."""
    _write(tmp_path, "base", 'name = "base"\ndescription = "the base"\nsuite = "trixie"\npackages = ["udev"]')
    _write(tmp_path, "middle", 'name = "middle"\nextends = "base"')
    _write(tmp_path, "top", 'name = "top"\nextends = "middle"\ndescription = "the top"')
    assert profile.load("middle", tmp_path).description == ""
    top = profile.load("top", tmp_path)
    assert (top.description, top.extends) == ("the top", ("middle", "base"))


def test_a_profile_knows_where_its_names_stand(tmp_path: Path) -> None:
    """File and place of a package and of a module, be it in the profile itself or in one that it extends."""
    base = _write(tmp_path, "base", 'name = "base"\nsuite = "trixie"\npackages = ["udev", "kmod"]')
    top = _write(tmp_path, "top", 'name = "top"\nextends = "base"\nmodules.names = ["igb"]')
    loaded = profile.load("top", tmp_path)
    assert loaded.place("packages", "kmod") == f"{base}: packages.1"
    assert loaded.place("modules.names", "igb") == f"{top}: modules.names.0"


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.toml")))
def test_the_text_of_a_whole_profile_gives_it_again(name: str, tmp_path: Path) -> None:
    """What `osie profile show` prints is a profile by itself, and the same one."""
    whole = profile.load(name, PROFILES)
    _write(tmp_path, "again", toml_text.text(whole))
    assert profile.load("again", tmp_path).model_dump() == whole.model_dump()


def test_any_text_survives(tmp_path: Path) -> None:
    """Quotes, backslashes, lines, control characters and other scripts in a file's content."""
    content = "a\"b\\c\n\ttäb 日本 \x1b \x7f 'x' '''y''' \"\"\"z"
    source = profile.Profile(
        name="x",
        suite="trixie",
        packages=("udev",),
        files=(profile.File(path="/etc/x", content=content, mode="0600"),),
    )
    _write(tmp_path, "again", toml_text.text(source))
    assert profile.load("again", tmp_path).files == source.files
