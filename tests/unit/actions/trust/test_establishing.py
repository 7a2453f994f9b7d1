"""From settings and documents to what the pipeline asks; what doesn't fit is one clear error."""

import hashlib
import re
from collections.abc import Mapping

import pytest

from osie.actions.environment import Environment
from osie.actions.fetch.source import SourceError
from osie.actions.trust import minisign_secret
from osie.actions.trust.establishing import establish
from osie.actions.trust.settings import read
from osie.actions.trust.trust import Trust
from osie.actions.unpack.decompress import ImageError
from osie.contracts.image_manifest import ImageManifest

IMAGE, RAW = b"an image, compressed", b"an image, raw"
URL = "http://h/i.raw.xz"
PAIR = minisign_secret.generated()
KEY = minisign_secret.public_file(PAIR).decode()
MANIFEST = ImageManifest.of(raw_size=len(RAW), hashes=hashlib.sha256(RAW).digest())
OTHER = ImageManifest.of(raw_size=len(RAW), hashes=hashlib.sha256(b"other").digest())
SUMS = f"{hashlib.sha256(IMAGE).hexdigest()}  i.raw.xz\n{hashlib.sha512(RAW).hexdigest()}  i.raw\n".encode()
PLACES = {
    "http://h/SUMS": SUMS,
    "http://h/SUMS.minisig": PAIR.sign(SUMS, "sums"),
    "http://h/m": MANIFEST.encode(),
    "http://h/m.minisig": PAIR.sign(MANIFEST.encode(), "manifest"),
    "http://h/other": OTHER.encode(),
    f"{URL}.minisig": PAIR.sign(IMAGE, "image"),
}
FILES = {"CHECKSUM": "http://h/SUMS", "RAW_CHECKSUM": "http://h/SUMS"}


def _trust(
    variables: Mapping[str, str], places: Mapping[str, bytes] = PLACES, *, pinned: bool = False
) -> Trust:
    environment = Environment(variables)
    settings = read(environment, image=URL, pinned=pinned)
    environment.check()

    def get(url: str, most: int) -> bytes:
        try:
            return places[url][: most + 1]
        except KeyError:
            raise SourceError(f"{url}: the server answers 404 Not Found") from None

    return establish(settings, get)


def _checked(trust: Trust, stored: bytes = IMAGE, raw: bytes = RAW) -> str:
    try:
        for start in range(0, len(stored), 7):
            trust.fetched(stored[start : start + 7])
        trust.raw(raw)
        trust.check()
    finally:
        trust.close()
    return trust.evidence


def _digest(data: bytes) -> str:
    return f"sha512:{hashlib.sha512(data).hexdigest()}"


@pytest.mark.parametrize(
    ("variables", "evidence"),
    [
        ({}, "^$"),
        (
            {"CHECKSUM": _digest(IMAGE), "RAW_CHECKSUM": _digest(RAW)},
            "^CHECKSUM sha512:.*; RAW_CHECKSUM sha5",
        ),
        (FILES, "^http://h/SUMS sha256:.*; http://h/SUMS sha512:"),
        (FILES | {"SIGNATURE_KEY": KEY}, r"^the list http://h/SUMS is signed by minisign key \w+ \(sums\); "),
        ({"MANIFEST_URL": "http://h/m"}, f"^the manifest's root is {MANIFEST.root}$"),
        ({"MANIFEST_URL": "http://h/m", "MANIFEST_ROOT": MANIFEST.root.upper()}, "root is"),
        (
            {"MANIFEST_URL": "http://h/m", "SIGNATURE_KEY": KEY},
            r"manifest http://h/m is signed by .*\(manifest",
        ),
        ({"SIGNATURE_KEY": KEY}, r"^minisign key \w+ \(image\)$"),
    ],
)
def test_the_right_image_passes(variables: dict[str, str], evidence: str) -> None:
    """And what stands for it is told."""
    trust = _trust(variables)
    assert trust.verified == bool(variables)
    assert (trust.manifest == MANIFEST) == ("MANIFEST_URL" in variables)
    assert re.search(evidence, _checked(trust))


@pytest.mark.parametrize(
    ("variables", "fetched", "raw"),
    [
        ({"MANIFEST_URL": "http://h/m", "SIGNATURE_KEY": KEY}, False, False),
        ({"CHECKSUM": _digest(IMAGE)}, True, False),
        ({"RAW_CHECKSUM": _digest(RAW)}, False, True),
        ({"SIGNATURE_KEY": KEY}, True, False),
        ({"MANIFEST_URL": "http://h/m", "SIGNATURE_KEY": KEY} | FILES, True, True),
    ],
)
def test_only_what_is_needed_is_asked_for(variables: dict[str, str], fetched: bool, raw: bool) -> None:
    """With nothing but a manifest, an image can be taken up in its middle, and stored bytes aren't hashed."""
    trust = _trust(variables)
    assert (trust.needs_fetched, trust.needs_raw) == (fetched, raw)
    trust.close()


@pytest.mark.parametrize(
    ("variables", "stored", "raw", "told"),
    [
        (
            {"CHECKSUM": _digest(IMAGE)},
            b"other",
            RAW,
            "^the image's digest is sha512:.* and CHECKSUM expects sha5",
        ),
        (
            {"RAW_CHECKSUM": _digest(RAW)},
            IMAGE,
            b"",
            "^the decompressed image's digest is .* RAW_CHECKSUM expects",
        ),
        (FILES, IMAGE[:-1], RAW, "^the image's digest is sha256:.* and http://h/SUMS expects"),
        (FILES, IMAGE, RAW[:-1], "^the decompressed image's digest is sha512:.* http://h/SUMS expects"),
        ({"SIGNATURE_KEY": KEY}, IMAGE + b"x", RAW, "^the image isn't what was signed"),
        ({"SIGNATURE_KEY": KEY, "CHECKSUM": _digest(IMAGE)}, b"", RAW, "^the image's digest is"),
    ],
)
def test_another_image_doesnt_pass(variables: dict[str, str], stored: bytes, raw: bytes, told: str) -> None:
    """Whatever else is right."""
    with pytest.raises(ImageError, match=told):
        _checked(_trust(variables), stored, raw)


@pytest.mark.parametrize(
    ("variables", "whole"),
    [
        ({}, True),
        ({"MANIFEST_URL": "http://h/m"}, True),
        ({"MANIFEST_URL": "http://h/m", "SIGNATURE_KEY": KEY}, False),
        ({"MANIFEST_URL": "http://h/m", "MANIFEST_ROOT": MANIFEST.root}, False),
    ],
)
def test_a_manifest_that_anybody_could_change_replaces_no_digest(
    variables: dict[str, str], whole: bool
) -> None:
    """Where the image's name holds its digest, all of it must be seen, unless the manifest stands alone."""
    trust = _trust(variables, pinned=True)
    assert (trust.needs_fetched, trust.doubt) == (whole, "")
    assert not _trust({"MANIFEST_URL": "http://h/m"}).needs_fetched


SIGNED_MANIFEST = {"MANIFEST_URL": "http://h/m", "SIGNATURE_KEY": KEY}


@pytest.mark.parametrize(
    ("variables", "changed", "told"),
    [
        (FILES, {"http://h/SUMS": b""}, "^http://h/SUMS doesn't help: it is no list"),
        (
            FILES,
            {"http://h/SUMS": SUMS.replace(b"i.raw", b"j.raw")},
            "doesn't help: it has no line for i.raw",
        ),
        (FILES, {"http://h/SUMS": bytes(5 << 20)}, "larger than 4194304 bytes: that is not the list"),
        (
            FILES | {"SIGNATURE_KEY": KEY},
            {"http://h/SUMS": SUMS + b"\n"},
            "list http://h/SUMS isn't what was sig",
        ),
        (
            FILES | {"SIGNATURE_KEY": KEY},
            {"http://h/SUMS.minisig": b"x"},
            "signature of the list .* is no minisign",
        ),
        (SIGNED_MANIFEST, {"http://h/m": OTHER.encode()}, "^the manifest http://h/m isn't what was signed"),
        (SIGNED_MANIFEST, {"http://h/m": b"{}"}, "^the manifest http://h/m isn't what was signed"),
        (
            {"MANIFEST_URL": "http://h/m"},
            {"http://h/m": b"<html>"},
            "^http://h/m: this is no Osie image manifest",
        ),
        (
            {"MANIFEST_URL": "http://h/m", "MANIFEST_ROOT": OTHER.root},
            {},
            "has the root .*, and MANIFEST_ROOT is",
        ),
        (
            {"MANIFEST_URL": "http://h/none"},
            {},
            "^can't get the manifest http://h/none: http://h/none: the .* 404",
        ),
        (
            {"MANIFEST_URL": "http://h/other", "SIGNATURE_KEY": KEY},
            {},
            "^can't get the signature of the manifest",
        ),
        ({"CHECKSUM": "http://h/none"}, {}, "^can't get the list http://h/none"),
    ],
)
def test_a_document_that_doesnt_fit_is_one_clear_line(
    variables: dict[str, str], changed: dict[str, bytes], told: str
) -> None:
    """Before the image is looked at; a document isn't read before its signature was found right."""
    with pytest.raises(ImageError, match=told) as caught:
        _trust(variables, PLACES | changed)
    assert "\n" not in str(caught.value)


def test_a_document_is_fetched_once() -> None:
    """A list that stands for the stored and for the raw image is the same list."""
    counted: list[str] = []
    environment = Environment(FILES | {"SIGNATURE_KEY": KEY})

    def get(url: str, _most: int) -> bytes:
        counted.append(url)
        return PLACES[url]

    establish(read(environment, image=URL), get).close()
    assert sorted(counted) == ["http://h/SUMS", "http://h/SUMS.minisig"]


@pytest.mark.parametrize(
    ("listed", "hint"),
    [
        (b"", ""),
        (b"<!DOCTYPE html><html>", ""),
        (SUMS.replace(b"i.raw", b"j.raw"), "add #NAME to CHECKSUM where the names differ"),
    ],
)
def test_another_name_is_hinted_at_only_where_it_helps(listed: bytes, hint: str) -> None:
    """Where the list is one, and of other files."""
    with pytest.raises(ImageError) as refused:
        _trust(FILES, {"http://h/SUMS": listed})
    assert refused.value.hint == hint
