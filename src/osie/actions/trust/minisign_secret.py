"""minisign's secret keys: made, read, and signed with; in the files of the program `minisign` itself.

The file's second line is the base64 of: `Ed`, the password's kind (`Sc`: scrypt; two zero bytes: none), `B2`,
salt (32), opslimit and memlimit (8 each, little-endian), and 104 bytes that the password's key is XORed into:
the key's number (8), secret and public key (64), BLAKE2b-256 of `Ed` and these (32; zeroes where there is no
password).
"""

import hashlib
import os
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass

from osie.actions.trust.minisign import (
    ALGORITHM,
    MOST_COMMENT,
    PREHASHED,
    TRUSTED,
    UNTRUSTED,
    MinisignKey,
    decoded,
    shown_id,
)
from osie.core.errors import OsieError

_SCRYPT, _NO_PASSWORD, _CHECKSUM = b"Sc", bytes(2), b"B2"
_OPSLIMIT, _MEMLIMIT = 1 << 25, 1 << 30  # libsodium's "sensitive", as minisign uses it; the most we agree to


class SecretKeyError(OsieError):
    """A secret key can't be used."""


@dataclass(frozen=True, repr=False)
class SecretKey:
    """A key pair."""

    key_id: bytes  # 8 bytes
    seed: bytes  # 32 bytes: the secret
    public: bytes  # 32 bytes

    @property
    def public_key(self) -> MinisignKey:
        """The half that others may know."""
        return MinisignKey(self.key_id, self.public)

    def sign(self, data: bytes, comment: str) -> bytes:
        """A signature's file over data and comment. Raises SecretKeyError for an impossible comment."""
        from nacl.signing import SigningKey  # noqa: PLC0415 - loads libsodium

        trusted = comment.encode()
        if len(trusted) > MOST_COMMENT or b"\n" in trusted or b"\r" in trusted:
            raise SecretKeyError(f"a signature's comment is one line of at most {MOST_COMMENT} bytes")
        key = SigningKey(self.seed)
        signature = key.sign(hashlib.blake2b(data).digest()).signature
        lines = (
            UNTRUSTED + b"signature from minisign secret key",
            b2a_base64(PREHASHED + self.key_id + signature, newline=False),
            TRUSTED + trusted,
            b2a_base64(key.sign(signature + trusted).signature, newline=False),
        )
        return b"\n".join(lines) + b"\n"


def generated() -> SecretKey:
    """A new key pair."""
    from nacl.signing import SigningKey  # noqa: PLC0415 - as above

    key = SigningKey.generate()
    return SecretKey(os.urandom(8), bytes(key), bytes(key.verify_key))


def public_file(key: SecretKey) -> bytes:
    """The public key's file."""
    comment = UNTRUSTED + f"minisign public key {shown_id(key.key_id)}".encode()
    return comment + b"\n" + b2a_base64(ALGORITHM + key.key_id + key.public)


def secret_file(
    key: SecretKey, password: str, *, opslimit: int = _OPSLIMIT, memlimit: int = _MEMLIMIT
) -> bytes:
    """The secret key's file; it isn't encrypted where the password is empty."""
    body = key.key_id + key.seed + key.public
    if password:
        head, salt = _SCRYPT, os.urandom(32)
        body += hashlib.blake2b(ALGORITHM + body, digest_size=32).digest()
        body = _xor(body, _stream(password, salt, opslimit, memlimit))
    else:
        head, salt, opslimit, memlimit = _NO_PASSWORD, bytes(32), 0, 0
        body += bytes(32)
    limits = opslimit.to_bytes(8, "little") + memlimit.to_bytes(8, "little")
    blob = ALGORITHM + head + _CHECKSUM + salt + limits + body
    return UNTRUSTED + b"minisign encrypted secret key\n" + b2a_base64(blob)  # minisign says so of both


def read(document: bytes, password: Callable[[], str]) -> SecretKey:
    """The key in the file; `password` is asked only where it takes one. Raises SecretKeyError."""
    lines = document.split()
    blob = decoded(lines[-1]) if lines else b""
    if len(blob) != 158 or not blob.startswith(ALGORITHM) or blob[4:6] != _CHECKSUM:
        raise SecretKeyError("this is no minisign secret key")
    body, encrypted = blob[54:], blob[2:4] == _SCRYPT
    if encrypted:
        opslimit, memlimit = (int.from_bytes(blob[at : at + 8], "little") for at in (38, 46))
        if opslimit > _OPSLIMIT or memlimit > _MEMLIMIT:
            raise SecretKeyError("the secret key wants more memory for its password than minisign ever takes")
        body = _xor(body, _stream(password(), blob[6:38], opslimit, memlimit))
    elif blob[2:4] != _NO_PASSWORD:
        raise SecretKeyError("the secret key is protected in a way that minisign doesn't have")
    return _checked(body, encrypted=encrypted)


def _checked(body: bytes, *, encrypted: bool) -> SecretKey:
    from nacl.signing import SigningKey  # noqa: PLC0415 - as above

    checksum = hashlib.blake2b(ALGORITHM + body[:72], digest_size=32).digest()
    if body[72:] != checksum and (encrypted or any(body[72:])):
        raise SecretKeyError("wrong password" if encrypted else "the secret key is damaged")
    key = SecretKey(body[:8], body[8:40], body[40:72])
    if bytes(SigningKey(key.seed).verify_key) != key.public:
        raise SecretKeyError("the secret key is damaged")
    return key


def _stream(password: str, salt: bytes, opslimit: int, memlimit: int) -> bytes:
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - as above
    from nacl.pwhash import scrypt  # noqa: PLC0415 - as above

    try:
        return scrypt.kdf(104, password.encode(), salt, opslimit=opslimit, memlimit=memlimit)
    except (CryptoError, ValueError, MemoryError) as error:
        raise SecretKeyError(f"can't use the password (it takes 1 GiB of memory): {error}") from error


def _xor(data: bytes, stream: bytes) -> bytes:
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")
