"""Detached signatures: a key from the settings, a document that it signed, bytes that pass by."""

from typing import Protocol

from osie.actions.unpack.decompress import ImageError


class SignatureError(ImageError):
    """A signature isn't there, isn't by the key that was given, or isn't of these bytes."""


class Verifier(Protocol):
    """Sees the signed bytes pass by."""

    def update(self, data: bytes) -> None:
        """See the next bytes."""

    def check(self) -> str:
        """After the last: return who signed and what they said with it. Raises SignatureError."""

    def close(self) -> None:
        """End what was begun."""


class Key(Protocol):
    """A public key that somebody trusts."""

    @property
    def default_suffix(self) -> str:
        """What a signature's name ends with, where that is settled; else ""."""

    def verifier(self, signature: bytes, of: str) -> Verifier:
        """Begin to verify `of` (a noun, for errors). Raises SignatureError where it can't be one."""
