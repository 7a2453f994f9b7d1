"""An image in a file, read once, stored and raw: to make its manifest, or to compare it with one."""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from osie.actions.content import rule
from osie.actions.fetch.file import FileSource
from osie.actions.fetch.source import CHUNK_BYTES
from osie.actions.program import warn
from osie.actions.read_ahead import read_ahead
from osie.actions.trust.blocks import verified_blocks
from osie.actions.trust.measuring import Measuring, PointKeeper
from osie.actions.unpack.decompress import ImageError, blocks, decompressed, kind_of
from osie.contracts.image_manifest import BLOCK_BYTES, ImageManifest, ManifestError, Stored

Tell = Callable[[int, int], None]  # (stored bytes read, of how many)

_CHUNKS_AHEAD, _BLOCKS_AHEAD = 8, 2


class _Reading:
    """The stored file on its way."""

    def __init__(self, path: Path, algorithm: str) -> None:
        self._source = FileSource(path.resolve().as_uri())
        self._source.open()
        self.size = self._source.total or 0
        self.done = 0
        self.digest = hashlib.new(algorithm)
        self.points = PointKeeper()
        ahead = read_ahead(self._chunks(), depth=_CHUNKS_AHEAD, name="read")
        first = next(ahead, b"")
        self.kind = kind_of(first)
        self._stored = itertools.chain([first], ahead)

    def _chunks(self) -> Iterator[bytes]:
        for chunk in blocks(self._source.chunks(), CHUNK_BYTES):
            self.digest.update(chunk)
            self.done += len(chunk)
            yield chunk

    def raw(self) -> Iterator[bytes]:
        """The decompressed image. Raises ImageError."""
        cores = len(os.sched_getaffinity(0))
        return decompressed(
            self._stored, self.kind, threads=cores, begins=self.points.add, bear=self._tell_of_rest
        )

    def _tell_of_rest(self, count: int) -> None:
        warn(f"{count} bytes follow the end of the {self.kind} data: they aren't part of the image")


def make(
    path: Path, tell: Tell, *, sector_size: int | None = None, kind: rule.Kind = "disk"
) -> ImageManifest:
    """Read the image and describe it; the sector size is guessed where it isn't given.

    `kind`: what the image has to be. Raises OsieError.
    """
    reading, measuring = _Reading(path, "sha256"), Measuring()
    for block in read_ahead(blocks(reading.raw(), BLOCK_BYTES), depth=_BLOCKS_AHEAD, name="decompress"):
        if kind == "disk" and not measuring.size:
            rule.check_disk(block, reading.kind, anyway="--image-kind any")
        measuring.add(block)
        tell(reading.done, reading.size)
    points = reading.points.points(measuring.size)
    stored = Stored(reading.size, f"sha256:{reading.digest.hexdigest()}", reading.kind, points)
    try:
        return measuring.manifest(stored, sector_size)
    except ManifestError as error:
        raise ImageError(f"{path} can't have a manifest: {error}") from error


def compare(path: Path, manifest: ImageManifest, tell: Tell) -> None:
    """Read the image and compare it with its manifest. Raises OsieError where anything differs."""
    stored = manifest.stored
    reading = _Reading(path, stored.digest.partition(":")[0] if stored else "sha256")
    for _ in read_ahead(verified_blocks(reading.raw(), manifest), depth=_BLOCKS_AHEAD, name="decompress"):
        tell(reading.done, reading.size)
    if stored and stored.digest != f"{reading.digest.name}:{reading.digest.hexdigest()}":
        raise ImageError(
            f"{path} holds the right image, but not in the bytes of the manifest (compressed again?)",
            hint="make the manifest anew: where to go on after a broken connection has changed",
        )
