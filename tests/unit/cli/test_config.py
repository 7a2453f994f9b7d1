"""The server's config file: one reading, every error."""

from pathlib import Path

import pytest

from osie.cli import config
from osie.core.errors import OsieError

GOOD = """
state_dir = "/tmp/x"
[network]
interface = "br0"
address = "192.168.137.1"
[boots]
artifacts = "/a"
[registry]
layout = "/l"
"""


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    """Ports, database and the operator's address have defaults."""
    (tmp_path / "c.toml").write_text(GOOD)
    got = config.load(tmp_path / "c.toml")
    assert (got.boots.port, got.tink.grpc_port, got.registry.port) == (7171, 42113, 5000)
    assert got.database_url == "sqlite+aiosqlite:////tmp/x/tink.db"
    assert got.operator.listen == "127.0.0.1:7080"


@pytest.mark.parametrize("instead", ["10.0.0.1:5000/a/", "10.0.0.1:5000", "r/own", "r/x-", ""])
def test_images_are_rewritten_to_names(tmp_path: Path, instead: str) -> None:
    """Whatever an image's name can begin with may stand in a prefix's place."""
    (tmp_path / "c.toml").write_text(f'{GOOD}[tink]\nrewrite_images = {{ "quay.io/" = "{instead}" }}\n')
    assert config.load(tmp_path / "c.toml").tink.rewrite_images == {"quay.io/": instead}


@pytest.mark.parametrize("instead", ["https://10.0.0.1/", "10.0.0.1:5000/Tools/", "a b/", "10.0.0.1:5000//"])
def test_images_are_not_rewritten_to_what_no_engine_pulls(tmp_path: Path, instead: str) -> None:
    """It would fail on each machine: it is told when the server starts."""
    (tmp_path / "c.toml").write_text(f'{GOOD}[tink]\nrewrite_images = {{ "quay.io/" = "{instead}" }}\n')
    with pytest.raises(OsieError, match=r"tink\.rewrite_images.*no image's name begins so"):
        config.load(tmp_path / "c.toml")


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    """Each with its path in the file."""
    bad = GOOD.replace("192.168.137.1", "192.168.137.999").replace("artifacts", "artefacts")
    (tmp_path / "c.toml").write_text(bad + "port = 70000\n")
    with pytest.raises(OsieError) as caught:
        config.load(tmp_path / "c.toml")
    for expected in ("c.toml", "network.address", "boots.artifacts", "boots.artefacts", "registry.port"):
        assert expected in str(caught.value)


def test_a_wrong_value_is_told_with_what_is_allowed(tmp_path: Path) -> None:
    """In words, with the value given and the key that was meant."""
    bad = (
        GOOD.replace("artifacts", "artefacts") + 'port = 70000\n[tink]\non_silence = "panic"\nhold_s = "x"\n'
    )
    (tmp_path / "c.toml").write_text(bad)
    with pytest.raises(OsieError) as caught:
        config.load(tmp_path / "c.toml")
    for expected in (
        "boots.artifacts: missing",
        "boots.artefacts: unknown key; did you mean 'artifacts'?",
        "registry.port: expected less than 65536, found 70000",
        "tink.on_silence: expected 'wait' or 'fail', found 'panic'",
        "tink.hold_s: expected a valid number, unable to parse string as a number, found 'x'",
    ):
        assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"), [(b"a =", "not TOML"), (b"a = '\xff'", "not TOML: 'utf-8'"), (None, "No such file")]
)
def test_no_file_and_no_toml_are_one_sentence(tmp_path: Path, content: bytes | None, told: str) -> None:
    """The file's name and the reason."""
    if content is not None:
        (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(OsieError, match=told):
        config.load(tmp_path / "c.toml")


def test_the_operator_can_require_verified_images(tmp_path: Path) -> None:
    """tink.require_verified is false where nobody says otherwise."""
    (tmp_path / "c.toml").write_text(GOOD)
    assert not config.load(tmp_path / "c.toml").tink.require_verified
    (tmp_path / "c.toml").write_text(GOOD + "[tink]\nrequire_verified = true\n")
    assert config.load(tmp_path / "c.toml").tink.require_verified
