"""A digest that the operator expects, written as ALGORITHM:HEX."""

import hashlib
import re
from typing import NamedTuple

HEX_LENGTHS = {"sha256": 64, "sha512": 128}


class Checksum(NamedTuple):
    """A digest that the operator expects."""

    algorithm: str  # sha256 or sha512
    hexdigest: str

    def new(self) -> "hashlib._Hash":
        """An empty digest of this kind."""
        return hashlib.new(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hexdigest}"


def parse(value: str) -> Checksum:
    """`sha256:` and 64, or `sha512:` and 128 hexadecimal digits. Raises ValueError with a sentence's end."""
    algorithm, _, hexdigest = value.lower().partition(":")
    length = HEX_LENGTHS.get(algorithm)
    if length is None or not re.fullmatch(rf"[0-9a-f]{{{length}}}", hexdigest):
        raise ValueError(f"is {value!r}: expected sha256: and 64, or sha512: and 128 hexadecimal digits")
    return Checksum(algorithm, hexdigest)
