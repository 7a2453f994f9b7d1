"""OpenPGP: public keys, and detached signatures that the program `gpgv` verifies while the bytes pass by."""

import shutil
import subprocess
import tempfile
from binascii import a2b_base64
from pathlib import Path
from typing import NamedTuple

from osie.actions.trust.openpgp_packets import ARMOUR, PUBLIC_KEY, SECRET_KEYS, SIGNATURE, dearmoured, tags
from osie.actions.trust.signature import SignatureError
from osie.core.process import clean_environment


class OpenPgpKey(NamedTuple):
    """One or more public keys, of which any may sign."""

    keyring: bytes

    @property
    def default_suffix(self) -> str:
        """None: such signatures have many names."""
        return ""

    def verifier(self, signature: bytes, of: str) -> "OpenPgpVerifier":
        """Start gpgv. Raises SignatureError where this isn't a detached signature, or gpgv isn't there."""
        return OpenPgpVerifier(self.keyring, signature, of)


def public_key(text: str) -> OpenPgpKey:
    """A key in armour, or the base64 of one with or without it. Raises ValueError with a sentence's end."""
    kind = "PUBLIC KEY BLOCK"
    if ARMOUR in text:
        kind, data = dearmoured(text)
    else:
        data = a2b_base64("".join(text.split()).encode(), strict_mode=True)
        if data.lstrip().startswith(ARMOUR.encode()):
            kind, data = dearmoured(data.decode("ascii", "replace"))
    found = list(tags(data))
    if kind == "PRIVATE KEY BLOCK" or SECRET_KEYS & set(found):
        raise ValueError("is a secret key: give the public one, and make new ones where others saw this")
    if kind != "PUBLIC KEY BLOCK" or not found or found[0] != PUBLIC_KEY:
        raise ValueError("is no OpenPGP public key")
    return OpenPgpKey(data)


def _detached(document: bytes, of: str) -> bytes:
    """The signature's packets, and nothing else: gpgv may not be led to verify what is inside of it."""
    data = document
    try:
        if document.lstrip().startswith(ARMOUR.encode()):
            _, data = dearmoured(document.decode("ascii", "replace"))
        why = "" if set(tags(data)) == {SIGNATURE} else "holds something else"
    except ValueError as error:
        why = str(error)
    if why:
        raise SignatureError(
            f"the signature of {of} is no detached OpenPGP signature: it {why}",
            hint="gpg --armor --detach-sign FILE makes one",
        )
    return data


class OpenPgpVerifier:
    """A gpgv that is fed what passes by."""

    def __init__(self, keyring: bytes, document: bytes, of: str) -> None:
        signature = _detached(document, of)
        self._of = of
        self._taken = True  # so far gpgv took everything
        self._folder = Path(tempfile.mkdtemp(prefix="osie-gpgv-"))
        try:
            (self._folder / "keyring.gpg").write_bytes(keyring)
            (self._folder / "signature").write_bytes(signature)
            self._process = self._started()
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise SignatureError(
                f"can't verify the signature of {of}: {error.filename or 'gpgv'}: {error.strerror}",
                hint="Debian's package gpgv has the program",
            ) from error

    def _started(self) -> "subprocess.Popen[bytes]":
        folder = self._folder
        options = ("--homedir", folder, "--keyring", folder / "keyring.gpg", "--weak-digest", "SHA1")
        argv = ("gpgv", "--status-fd", "1", *options, folder / "signature", "-")
        # to files: nobody needs to read along, so that it never waits for us but for its input
        with (folder / "status").open("wb") as status, (folder / "said").open("wb") as said:
            return subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=status, stderr=said, env=clean_environment(), bufsize=0
            )

    def update(self, data: bytes) -> None:
        """See the next bytes."""
        assert self._process.stdin is not None  # noqa: S101 - `_started` asks for it
        rest = memoryview(data)
        try:
            while rest and self._taken:
                rest = rest[self._process.stdin.write(rest) :]
        except BrokenPipeError:  # it ended before: `check` tells why
            self._taken = False

    def check(self) -> str:
        """Raise SignatureError unless one of the keys signed all of it; else name that key."""
        assert self._process.stdin is not None  # noqa: S101 - as above
        self._process.stdin.close()
        ended = self._process.wait()
        status = (self._folder / "status").read_text(errors="replace")
        said = (self._folder / "said").read_text(errors="replace").splitlines() or [
            f"gpgv ended with {ended}"
        ]
        try:
            key = signer([line.split()[1:] for line in status.splitlines() if line.startswith("[GNUPG:] ")])
        except ValueError as error:
            why = str(error) or f"can't be verified: {said[-1]}"
            raise SignatureError(f"{self._of} {why}") from None
        if not self._taken or ended < 0:
            raise SignatureError(f"{self._of} can't be verified: gpgv ended before all of it was there")
        return f"OpenPGP key {key}"

    def close(self) -> None:
        """End gpgv and remove its files."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)


_REASONS = {
    "BADSIG": "isn't what was signed: it or its signature was changed",
    "REVKEYSIG": "is signed by a key that was revoked",
    "EXPKEYSIG": "is signed by a key that has expired, by this machine's clock",
    "EXPSIG": "has a signature that has expired, by this machine's clock",
    "NO_PUBKEY": "is signed by another OpenPGP key than the one given",
}


def signer(status: list[list[str]]) -> str:
    """The fingerprint of the key that made a good signature (GnuPG's doc/DETAILS, "--status-fd").

    Signatures by unknown keys beside a good one don't matter; a bad one does. Raises ValueError with a
    sentence's end, or with nothing where gpgv told no reason.
    """
    good, key = False, ""
    for keyword, *arguments in filter(None, status):
        if keyword in ("NEWSIG", "GOODSIG"):
            good = keyword == "GOODSIG"
        elif keyword == "VALIDSIG" and good and arguments:
            good, key = False, arguments[-1]  # the primary key's
    seen = {words[0] for words in status if words}
    if "BADSIG" in seen or not key:
        raise ValueError(next((why for keyword, why in _REASONS.items() if keyword in seen), ""))
    return key
