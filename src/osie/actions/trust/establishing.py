"""From settings to a Trust: the documents are fetched, their signatures verified, the digests found."""

from collections.abc import Callable

from osie.actions.fetch.source import shown
from osie.actions.trust import sums
from osie.actions.trust.checks import Check, Checked, DigestCheck
from osie.actions.trust.checksum import Checksum
from osie.actions.trust.settings import Listed, Signed, TrustSettings
from osie.actions.trust.signature import SignatureError, Verifier
from osie.actions.trust.trust import Trust
from osie.actions.unpack.decompress import ImageError
from osie.contracts.image_manifest import MOST_BYTES, ImageManifest, ManifestError
from osie.core.errors import OsieError

Get = Callable[[str, int], bytes]  # (URL, most bytes) -> the document. Raises OsieError

_MOST_LIST_BYTES = 4 << 20
_MOST_SIGNATURE_BYTES = 64 << 10


def establish(settings: TrustSettings, get: Get) -> Trust:
    """Fetch and verify what stands for the image; whoever gets the Trust closes it. Raises ImageError."""
    documents = _Documents(settings.signed, get)
    manifest = _manifest(settings, documents) if settings.manifest_url else None
    # CHECKSUM first: where both name one list, it is CHECKSUM's that is signed
    stored = _digest_checks(settings.checksum, "the image", "CHECKSUM", documents)
    raw = _digest_checks(settings.raw_checksum, "the decompressed image", "RAW_CHECKSUM", documents)
    if settings.signed is not None and settings.signed.subject == "IMAGE":
        stored.append(_verifier(settings.signed, "the image", get))
    elif settings.signed is not None and not documents.signature_is_right:
        raise SignatureError(f"a signature is given, and {settings.signed.subject} was not checked with it")
    return Checked(
        manifest=manifest,
        stored=stored,
        raw=raw,
        verified=settings.verified,
        doubt=settings.doubt,
        whole=settings.pinned and not settings.manifest_stands,  # then it's the source's digest that counts
        evidence=documents.evidence,
    )


def _fetched(get: Get, url: str, most: int, what: str) -> bytes:
    """The document. Raises ImageError that says what it would have been."""
    try:
        data = get(url, most)
    except OsieError as error:
        raise ImageError(f"can't get {what}: {error}", hint=error.hint) from error
    if len(data) > most:
        raise ImageError(f"{shown(url)} is larger than {most} bytes: that is not {what}")
    return data


def _verifier(signed: Signed, of: str, get: Get) -> Verifier:
    document = _fetched(get, signed.url, _MOST_SIGNATURE_BYTES, f"the signature of {of}")
    return signed.key.verifier(document, of)


class _Documents:
    """Fetches documents, each once, and verifies the one that is signed before it is believed."""

    def __init__(self, signed: Signed | None, get: Get) -> None:
        self._signed = signed
        self._get = get
        self._lists: dict[str, bytes] = {}
        self.signature_is_right = False
        self.evidence: list[str] = []

    def list(self, name: str, url: str) -> bytes:
        """The list of digests that the variable `name` leads to."""
        if url not in self._lists:
            self._lists[url] = self.get(name, url, _MOST_LIST_BYTES, f"the list {shown(url)}")
        return self._lists[url]

    def get(self, name: str, url: str, most: int, what: str) -> bytes:
        """The document that the variable `name` leads to, verified where that is the signed one."""
        data = _fetched(self._get, url, most, what)
        if self._signed is not None and self._signed.subject == name:
            verifier = _verifier(self._signed, what, self._get)
            try:
                verifier.update(data)
                self.evidence.append(f"{what} is signed by {verifier.check()}")
            finally:
                verifier.close()
            self.signature_is_right = True
        return data


def _manifest(settings: TrustSettings, documents: _Documents) -> ImageManifest:
    what = f"the manifest {shown(settings.manifest_url)}"
    try:
        manifest = ImageManifest.decode(
            documents.get("MANIFEST_URL", settings.manifest_url, MOST_BYTES, what)
        )
    except ManifestError as error:
        raise ImageError(f"{shown(settings.manifest_url)}: {error}") from error
    if settings.manifest_root not in ("", manifest.root):
        raise ImageError(
            f"{what} has the root {manifest.root}, and MANIFEST_ROOT is {settings.manifest_root}"
        )
    documents.evidence.append(f"the manifest's root is {manifest.root}")
    return manifest


def _digest_checks(
    given: Checksum | Listed | None, what: str, name: str, documents: _Documents
) -> list[Check]:
    if given is None:
        return []
    if isinstance(given, Checksum):
        return [DigestCheck(given, what, name)]
    try:
        expected = sums.find(documents.list(name, given.url), given.names)
    except ValueError as error:
        may_differ = isinstance(error, sums.NoLineError)
        hint = f"add #NAME to {name} where the names differ" if may_differ else ""
        raise ImageError(f"{shown(given.url)} doesn't help: {error}", hint=hint) from error
    return [DigestCheck(expected, what, shown(given.url))]
