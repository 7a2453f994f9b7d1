"""The checks that a stream of bytes passes by, and a Trust made of them."""

from collections.abc import Sequence
from typing import Protocol

from osie.actions.trust.checksum import Checksum
from osie.actions.unpack.decompress import ImageError
from osie.contracts.image_manifest import ImageManifest


class Check(Protocol):
    """Sees bytes pass by and knows at the end whether they were right."""

    def update(self, data: bytes) -> None:
        """See the next bytes."""

    def check(self) -> str:
        """After the last: return what stands for them. Raises ImageError where they are others."""

    def close(self) -> None:
        """End what was begun."""


class DigestCheck:
    """Compares a digest."""

    def __init__(self, expected: Checksum, what: str, according_to: str) -> None:
        self._expected = expected
        self._what = what  # a noun
        self._according_to = according_to
        self._digest = expected.new()

    def update(self, data: bytes) -> None:
        """See the next bytes."""
        self._digest.update(data)

    def check(self) -> str:
        """Raise ImageError unless the digest is the expected one."""
        found = Checksum(self._expected.algorithm, self._digest.hexdigest())
        if found != self._expected:
            raise ImageError(
                f"{self._what}'s digest is {found}, and {self._according_to} expects {self._expected}"
            )
        return f"{self._according_to} {found}"

    def close(self) -> None:
        """Nothing runs."""


class Checked:
    """A Trust: checks of the stored and of the raw bytes, and a manifest that was found right already."""

    def __init__(
        self,
        *,
        manifest: ImageManifest | None = None,
        stored: Sequence[Check] = (),
        raw: Sequence[Check] = (),
        verified: bool = False,
        doubt: str = "",
        whole: bool = False,  # somebody else, the source, has to see all stored bytes
        evidence: Sequence[str] = (),
    ) -> None:
        self.manifest = manifest
        self.verified = verified
        self.doubt = doubt
        self.needs_fetched, self.needs_raw = whole or bool(stored), bool(raw)
        self._stored, self._raw = stored, raw
        self._evidence = list(evidence)

    @property
    def evidence(self) -> str:
        """What was found to stand for the bytes; all of it after `check` only."""
        return "; ".join(self._evidence)

    def fetched(self, chunk: bytes) -> None:
        """See the next stored bytes."""
        for check in self._stored:
            check.update(chunk)

    def raw(self, piece: bytes) -> None:
        """See the next decompressed bytes."""
        for check in self._raw:
            check.update(piece)

    def check(self) -> None:
        """After the last byte: raise ImageError unless all is as expected."""
        self._evidence += [check.check() for check in (*self._stored, *self._raw)]

    def close(self) -> None:
        """End what was begun."""
        for check in (*self._stored, *self._raw):
            check.close()
