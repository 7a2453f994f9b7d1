"""minisign's public keys and signatures (https://jedisct1.github.io/minisign/, "Signature format").

A signature has four lines: a comment that nobody signed, the signature, a comment that is signed, and the
signature of that. Only prehashed ones are taken (`ED`: of the BLAKE2b-512 of the bytes): the old ones
(`Ed`) need all of an image in memory.
"""

import hashlib
from binascii import a2b_base64, b2a_base64
from typing import NamedTuple

from osie.actions.trust.signature import SignatureError

MOST_COMMENT = 8192  # bytes, minisign's own limit
UNTRUSTED, TRUSTED = b"untrusted comment: ", b"trusted comment: "
ALGORITHM, PREHASHED = b"Ed", b"ED"
_SECRET_KEY_BYTES = 158


def shown_id(key_id: bytes) -> str:
    """The key's number as minisign prints it."""
    return f"{int.from_bytes(key_id, 'little'):016X}"


def decoded(line: bytes) -> bytes:
    """Strict base64, or nothing."""
    try:
        data = a2b_base64(line, strict_mode=True)
    except ValueError:
        return b""
    return data if b2a_base64(data, newline=False) == line else b""  # else unused bits are set


def ed25519_is_right(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key signed the message."""
    from nacl import exceptions, signing  # noqa: PLC0415 - loads libsodium, and most images aren't signed

    try:
        signing.VerifyKey(key).verify(message, signature)
    except exceptions.BadSignatureError:
        return False
    return True


class MinisignKey(NamedTuple):
    """A public key."""

    key_id: bytes  # 8 bytes
    key: bytes  # Ed25519

    @property
    def default_suffix(self) -> str:
        """As minisign(1) names signatures."""
        return ".minisig"

    def verifier(self, signature: bytes, of: str) -> "MinisignVerifier":
        """Read the signature. Raises SignatureError where this key can't have made it."""
        return MinisignVerifier(self, signature, of)

    def __str__(self) -> str:
        return f"minisign key {shown_id(self.key_id)}"


def public_key(text: str) -> MinisignKey:
    """A public key's line, or its file. Raises ValueError with a sentence's end that shows nothing secret."""
    lines = [line.strip() for line in text.strip().encode().split(b"\n")]
    if len(lines) == 2 and lines[0].startswith(UNTRUSTED.strip()):
        del lines[0]
    blob = decoded(lines[0]) if len(lines) == 1 else b""
    if len(blob) == _SECRET_KEY_BYTES and blob.startswith(ALGORITHM):
        raise ValueError("is a secret key: give the public one, and make new ones where others saw this")
    if len(blob) != 42 or not blob.startswith(ALGORITHM):
        raise ValueError("is no minisign public key: expected the line of 56 letters in its .pub file")
    return MinisignKey(blob[2:10], blob[10:])


class MinisignVerifier:
    """Hashes what passes by, for one signature."""

    def __init__(self, key: MinisignKey, document: bytes, of: str) -> None:
        self._key = key
        self._of = of
        lines = [line.rstrip(b"\r") for line in document.rstrip(b"\r\n").split(b"\n")]
        blob = decoded(lines[1]) if len(lines) == 4 else b""
        self._global = decoded(lines[3]) if len(lines) == 4 else b""
        if len(blob) != 74 or len(self._global) != 64 or not lines[2].startswith(TRUSTED):
            raise SignatureError(f"the signature of {of} is no minisign signature")
        if blob.startswith(ALGORITHM):
            raise SignatureError(
                f"the signature of {of} is of minisign's old kind, which needs the whole image in memory",
                hint="sign again with `minisign -S -m FILE` (0.10 or newer), without -l",
            )
        if not blob.startswith(PREHASHED):
            raise SignatureError(f"the signature of {of} is of a kind that minisign doesn't have")
        if blob[2:10] != key.key_id:
            raise SignatureError(f"{of} is signed by minisign key {shown_id(blob[2:10])}, not by the {key}")
        self._signature, self._comment = blob[10:], lines[2].removeprefix(TRUSTED)
        self._digest = hashlib.blake2b()

    def update(self, data: bytes) -> None:
        """See the next bytes."""
        self._digest.update(data)

    def check(self) -> str:
        """Raise SignatureError unless bytes and comment are what was signed; else say whose they are."""
        if not ed25519_is_right(self._key.key, self._digest.digest(), self._signature):
            raise SignatureError(f"{self._of} isn't what was signed: it or its signature was changed")
        if not ed25519_is_right(self._key.key, self._signature + self._comment, self._global):
            raise SignatureError(f"the comment in the signature of {self._of} was changed")
        shown = " ".join(
            self._comment.decode(errors="replace").split()
        )  # minisign sets tabs between its parts
        return f"{self._key} ({shown})"

    def close(self) -> None:
        """Nothing runs."""
