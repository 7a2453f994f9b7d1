"""What stands for an image is read from variables, and every wrong combination is one clear line."""

import contextlib
from binascii import b2a_base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.environment import Environment, SettingsError
from osie.actions.trust import minisign_secret
from osie.actions.trust.checksum import Checksum
from osie.actions.trust.settings import Listed, TrustSettings, read

IMAGE = "http://h/debian%2012.raw.xz?token=1"
DIGEST = "sha256:" + "a" * 64
PAIR = minisign_secret.generated()
MINISIGN = minisign_secret.public_file(PAIR).decode().split("\n")[1]
SECRET = minisign_secret.secret_file(PAIR, "").decode()
OPENPGP = b2a_base64(b"\x98\x02ab").decode()  # a public key's packet, as far as is looked at
REQUIRED = {"REQUIRE_VERIFIED": "true"}


def _read(variables: Mapping[str, str], image: str = IMAGE, *, pinned: bool = False) -> TrustSettings:
    environment = Environment(variables)
    settings = read(environment, image=image, pinned=pinned)
    environment.check()
    return settings


def test_nothing_set_is_a_loud_doubt() -> None:
    """Nothing stands for the image then."""
    settings = _read({})
    assert not settings.verified
    assert "THE IMAGE IS NOT VERIFIED" in settings.doubt


def test_a_digest_leaves_no_doubt() -> None:
    """Of the stored or of the raw bytes; it came with the workflow."""
    for name in ("CHECKSUM", "RAW_CHECKSUM"):
        settings = _read({name: DIGEST.upper()} | REQUIRED)
        assert settings.verified
        assert settings.doubt == ""
    assert settings.raw_checksum == Checksum("sha256", "a" * 64)


@pytest.mark.parametrize(
    ("name", "names"),
    [("CHECKSUM", ("debian 12.raw.xz",)), ("RAW_CHECKSUM", ("debian 12.raw", "debian 12.raw.xz"))],
)
def test_a_list_is_searched_for_the_images_name(name: str, names: tuple[str, ...]) -> None:
    """The name in its URL; for the raw image first the one without .xz. `#` names another."""
    settings = _read({name: "https://h/SHA256SUMS?token=1"})
    found = settings.checksum if name == "CHECKSUM" else settings.raw_checksum
    assert found == Listed("https://h/SHA256SUMS?token=1", names)
    settings = _read({name: "https://h/SHA256SUMS#a%20b"}, "")
    found = settings.checksum if name == "CHECKSUM" else settings.raw_checksum
    assert found == Listed("https://h/SHA256SUMS", ("a b",))


LIST, MANIFEST = {"CHECKSUM": "http://h/SUMS"}, {"MANIFEST_URL": "http://h/i.manifest?v=2"}
RAW_LIST = {"RAW_CHECKSUM": "http://h/RAW"}


@pytest.mark.parametrize(
    ("variables", "subject", "url"),
    [
        ({}, "IMAGE", "http://h/debian%2012.raw.xz.minisig?token=1"),
        ({"CHECKSUM": DIGEST}, "IMAGE", "http://h/debian%2012.raw.xz.minisig?token=1"),
        (LIST, "CHECKSUM", "http://h/SUMS.minisig"),
        ({"CHECKSUM": "http://h/SUMS#name"}, "CHECKSUM", "http://h/SUMS.minisig"),
        (RAW_LIST, "RAW_CHECKSUM", "http://h/RAW.minisig"),
        (LIST | RAW_LIST, "CHECKSUM", "http://h/SUMS.minisig"),
        (MANIFEST, "MANIFEST_URL", "http://h/i.manifest.minisig?v=2"),
        (MANIFEST | LIST, "MANIFEST_URL", "http://h/i.manifest.minisig?v=2"),
        (MANIFEST | {"SIGNATURE_URL": "file:///s"}, "MANIFEST_URL", "file:///s"),
    ],
)
def test_a_signature_is_of_one_thing(variables: dict[str, str], subject: str, url: str) -> None:
    """Of the manifest, else of the list, else of the image; minisign's is found beside it."""
    settings = _read(variables | REQUIRED | {"SIGNATURE_KEY": MINISIGN})
    assert settings.signed is not None
    assert (settings.signed.subject, settings.signed.url) == (subject, url)
    assert settings.doubt == ""


@pytest.mark.parametrize("variables", [MANIFEST, LIST, RAW_LIST])
def test_an_unsigned_document_by_http_is_a_doubt(variables: dict[str, str]) -> None:
    """It finds damage; it doesn't stand against anybody on the way. Other schemes do, and a root does."""
    settings = _read(variables)
    assert settings.verified
    assert "by plain http and unsigned" in settings.doubt
    for scheme in ("https:", "file:"):
        assert not _read({k: v.replace("http:", scheme) for k, v in variables.items()}).doubt
    assert not _read(MANIFEST | {"MANIFEST_ROOT": DIGEST} | REQUIRED).doubt
    assert not _read(variables | {"CHECKSUM": DIGEST}).doubt


def test_a_name_that_holds_the_digest_stands() -> None:
    """As an OCI reference with @sha256: does."""
    settings = _read(REQUIRED, "", pinned=True)
    assert settings.verified
    assert settings.doubt == ""


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (REQUIRED, "REQUIRE_VERIFIED is true, and nothing stands for the image: set CHECKSUM or "),
        (REQUIRED | LIST, "REQUIRE_VERIFIED is true, and CHECKSUM comes by plain http and unsigned"),
        (REQUIRED | MANIFEST, "REQUIRE_VERIFIED is true, and MANIFEST_URL comes by plain http and unsigned"),
        (REQUIRED | {"CHECKSUM": "md5:0"}, "CHECKSUM is 'md5:0': expected sha256: and 64.*, or a list's URL"),
        (REQUIRED | {"SIGNATURE_KEY": "RW"}, "SIGNATURE_KEY is no minisign public key"),
        ({"CHECKSUM": "ftp://h/SUMS"}, "CHECKSUM is 'ftp://h/SUMS': expected a URL"),
        ({"RAW_CHECKSUM": DIGEST[:-1]}, "RAW_CHECKSUM is "),
        ({"MANIFEST_URL": "i.manifest"}, "MANIFEST_URL is 'i.manifest': expected a URL"),
        ({"MANIFEST_ROOT": DIGEST}, "MANIFEST_ROOT is set without MANIFEST_URL"),
        (MANIFEST | {"MANIFEST_ROOT": "x"}, "MANIFEST_ROOT is 'x': expected"),
        (MANIFEST | {"MANIFEST_ROOT": "sha512:" + "a" * 128}, "MANIFEST_ROOT isn't sha256:"),
        ({"SIGNATURE_URL": "http://h/s"}, "SIGNATURE_KEY is not set, and SIGNATURE_URL is"),
        ({"SIGNATURE_KEY": MINISIGN, "SIGNATURE_URL": "s"}, "SIGNATURE_URL is 's': expected a URL"),
        ({"SIGNATURE_KEY": OPENPGP}, "SIGNATURE_URL is not set: where is the signature of IMAGE"),
        (MANIFEST | {"SIGNATURE_KEY": OPENPGP}, "SIGNATURE_URL is not set: where is .* of MANIFEST_URL"),
        ({"SIGNATURE_KEY": SECRET}, "SIGNATURE_KEY is a secret key"),
        ({"SIGNATURE_KEY": b2a_base64(b"\x94\x02ab").decode()}, "SIGNATURE_KEY is a secret key"),
        ({"SIGNATURE_KEY": "me@example.com"}, "SIGNATURE_KEY is neither a minisign .* nor an OpenPGP"),
        ({"SIGNATURE_KEY": MINISIGN[:-4]}, "SIGNATURE_KEY is no minisign public key"),
    ],
)
def test_a_wrong_combination_is_one_clear_line(variables: dict[str, str], told: str) -> None:
    """Exactly one, with the variable's name first; a secret key isn't repeated."""
    with pytest.raises(SettingsError, match=f"^{told}[^;]*$") as caught:
        _read(variables)
    assert SECRET.split("\n")[1][60:] not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"CHECKSUM": "https://h/SUMS"}, "CHECKSUM is a list, and the image has no file name: add #NAME"),
        ({"SIGNATURE_KEY": MINISIGN}, "SIGNATURE_URL is not set: where is the signature of IMAGE"),
    ],
)
def test_an_image_without_a_url_needs_more(variables: dict[str, str], told: str) -> None:
    """One from a registry has no file name, and nothing beside it."""
    with pytest.raises(SettingsError, match=told):
        _read(variables, "")


_NAMES = ("CHECKSUM", "RAW_CHECKSUM", "MANIFEST_URL", "MANIFEST_ROOT", "SIGNATURE_URL", "SIGNATURE_KEY")
_VALUES = st.text() | st.sampled_from(
    [DIGEST, "http://h/x", "https://h/x#y", MINISIGN, OPENPGP, SECRET, "RW"]
)


@given(st.dictionaries(st.sampled_from([*_NAMES, "REQUIRE_VERIFIED"]), _VALUES), st.sampled_from(["", IMAGE]))
def test_whatever_is_set_is_an_error_or_is_used(variables: dict[str, str], image: str) -> None:
    """A signature's variables that pass are those of a signature that will be checked."""
    with contextlib.suppress(SettingsError):
        settings = _read(variables, image)
        given_ = any(variables.get(name, "").strip() for name in ("SIGNATURE_KEY", "SIGNATURE_URL"))
        assert given_ == (settings.signed is not None)
        assert settings.signed is None or settings.signed.url
        if settings.signed and settings.signed.subject == "MANIFEST_URL":
            assert settings.manifest_url
        elif settings.signed and settings.signed.subject != "IMAGE":
            assert isinstance(getattr(settings, settings.signed.subject.lower()), Listed)
