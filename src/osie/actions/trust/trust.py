"""What stands for an image's bytes, and how the pipeline asks it."""

from typing import Protocol

from osie.contracts.image_manifest import ImageManifest


class Trust(Protocol):
    """Sees an image pass by, stored and raw, and says at the end whether it is the one that was meant."""

    manifest: ImageManifest | None  # for `verified_blocks`: each block is right before it is written
    verified: bool  # something stands for the bytes
    doubt: str  # a sentence to warn with, where somebody on the way could have changed the image; else ""
    needs_fetched: bool  # `fetched` must see every stored byte: the image can't be taken up in its middle
    needs_raw: bool  # the same for `raw`

    @property
    def evidence(self) -> str:
        """A sentence for the log: what was found to stand for the bytes; all of it after `check` only."""

    def fetched(self, chunk: bytes) -> None:
        """See the next stored bytes."""

    def raw(self, piece: bytes) -> None:
        """See the next decompressed bytes."""

    def check(self) -> None:
        """After the last byte: raise ImageError unless all is as expected."""

    def close(self) -> None:
        """End what was begun (a program that verifies, say), whether or not `check` was reached."""
