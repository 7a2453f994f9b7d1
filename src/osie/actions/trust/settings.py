"""What can be set to stand for an image: docs/reference/image-manifest.md, "What stands for an image".

A signature that is set is always of something that is checked: of the manifest where there is one, else of
the list of digests where there is one, else of the image's stored bytes.
"""

import urllib.parse
from pathlib import PurePosixPath
from typing import NamedTuple

from osie.actions.environment import Environment
from osie.actions.trust import checksum, keys
from osie.actions.trust.checksum import Checksum
from osie.actions.trust.signature import Key

_SCHEMES = ("http", "https", "file")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4")
_STANDS = ("CHECKSUM", "RAW_CHECKSUM", "MANIFEST_URL", "SIGNATURE_KEY")
_NOTHING = (
    "no CHECKSUM, MANIFEST_URL or SIGNATURE_KEY is given: THE IMAGE IS NOT VERIFIED; "
    "who can change it on its way can change the machine"
)


class Listed(NamedTuple):
    """A digest that a list has, such as SHA256SUMS."""

    url: str
    names: tuple[str, ...]  # the file's name in the list: the first that is there


class Signed(NamedTuple):
    """A detached signature."""

    subject: str  # MANIFEST_URL, CHECKSUM or RAW_CHECKSUM: of that document; IMAGE: of the stored bytes
    url: str  # of the signature
    key: Key


class TrustSettings(NamedTuple):
    """What stands for one image."""

    checksum: Checksum | Listed | None  # of the stored bytes
    raw_checksum: Checksum | Listed | None  # of the decompressed bytes
    manifest_url: str  # "": none
    manifest_root: str  # "": any
    signed: Signed | None
    pinned: bool  # the image's own name holds its digest, and the source checks it

    @property
    def verified(self) -> bool:
        """Whether anything stands for the bytes."""
        return bool(self.checksum or self.raw_checksum or self.manifest_url or self.signed or self.pinned)

    @property
    def manifest_stands(self) -> bool:
        """Whether the manifest alone stands against anybody on the way."""
        return bool(
            self.manifest_url
            and (self.signed or self.manifest_root or not self.manifest_url.startswith("http:"))
        )

    @property
    def doubt(self) -> str:
        """Why somebody on the way may have changed the image; "" where nobody could have."""
        if not self.verified:
            return _NOTHING
        given = (self.checksum, self.raw_checksum)
        if self.signed or self.pinned or self.manifest_root or any(isinstance(c, Checksum) for c in given):
            return ""
        urls = [self.manifest_url, *(c.url for c in given if isinstance(c, Listed))]
        if any(url and not url.startswith("http:") for url in urls):
            return ""
        what = "MANIFEST_URL" if self.manifest_url else "CHECKSUM"
        return (
            f"{what} comes by plain http and unsigned: who can change the image on its way can change it too"
        )


def read(environment: Environment, *, image: str = "", pinned: bool = False) -> TrustSettings:
    """Read what stands for the image, whose (first) URL is `image`; "" where it has none.

    What is wrong is noted in `environment`: nothing here may be used before its `check`.
    """
    name = _file_name(image)
    raw_names = [name.removesuffix(suffix) for suffix in _COMPRESSED if name.endswith(suffix)]
    found = TrustSettings(
        checksum=_checksum(environment, "CHECKSUM", (name,)),
        raw_checksum=_checksum(environment, "RAW_CHECKSUM", (*raw_names, name)),
        manifest_url=_url(environment, "MANIFEST_URL"),
        manifest_root=_root(environment),
        signed=None,
        pinned=pinned,
    )
    found = found._replace(signed=_signed(environment, found, image))
    if environment.flag("REQUIRE_VERIFIED"):
        _require(environment, found)
    return found


def _require(environment: Environment, found: TrustSettings) -> None:
    if found.verified:
        if found.doubt:
            environment.error("REQUIRE_VERIFIED", f"is true, and {found.doubt}")
    elif not any(environment.text(name, "") for name in _STANDS):  # else what is wrong there was told
        environment.error(
            "REQUIRE_VERIFIED", f"is true, and nothing stands for the image: set {' or '.join(_STANDS)}"
        )


def _file_name(url: str) -> str:
    return urllib.parse.unquote(PurePosixPath(urllib.parse.urlsplit(url).path).name)


def _url(environment: Environment, name: str) -> str:
    return environment.url(name, _SCHEMES) if environment.text(name, "").strip() else ""


def _checksum(environment: Environment, name: str, names: tuple[str, ...]) -> Checksum | Listed | None:
    value = environment.text(name, "").strip()
    if not value:
        return None
    if "://" in value:
        url, _, wanted = environment.url(name, _SCHEMES).partition("#")
        names = (urllib.parse.unquote(wanted),) if wanted else names
        if not any(names):
            environment.error(name, "is a list, and the image has no file name: add #NAME to it")
        return Listed(url, names)
    try:
        return checksum.parse(value)
    except ValueError as error:
        environment.error(name, f"{error}, or a list's URL")
        return None


def _root(environment: Environment) -> str:
    value = environment.text("MANIFEST_ROOT", "").strip().lower()
    if not value:
        return ""
    if not environment.text("MANIFEST_URL", ""):
        environment.error("MANIFEST_ROOT", "is set without MANIFEST_URL")
    try:
        given = checksum.parse(value)
    except ValueError as error:
        environment.error("MANIFEST_ROOT", str(error))
        return ""
    if given.algorithm != "sha256":
        environment.error("MANIFEST_ROOT", "isn't sha256:, as roots are")
    return str(given)


def _signed(environment: Environment, found: TrustSettings, image: str) -> Signed | None:
    text, url = environment.text("SIGNATURE_KEY", ""), _url(environment, "SIGNATURE_URL")
    if not text.strip():
        if url:
            environment.error("SIGNATURE_KEY", "is not set, and SIGNATURE_URL is: whose signature is it?")
        return None
    try:
        key = keys.public_key(text)
    except ValueError as error:
        environment.error("SIGNATURE_KEY", str(error))
        return None
    subject, document = _subject(found, image)
    if not url and document and key.default_suffix:
        parts = urllib.parse.urlsplit(document)
        url = urllib.parse.urlunsplit(parts._replace(path=parts.path + key.default_suffix, fragment=""))
    if not url:
        environment.error("SIGNATURE_URL", f"is not set: where is the signature of {subject}?")
    return Signed(subject, url, key)


def _subject(found: TrustSettings, image: str) -> tuple[str, str]:
    """What is signed, and its URL."""
    if found.manifest_url:
        return "MANIFEST_URL", found.manifest_url
    for name, given in (("CHECKSUM", found.checksum), ("RAW_CHECKSUM", found.raw_checksum)):
        if isinstance(given, Listed):
            return name, given.url
    return "IMAGE", image
