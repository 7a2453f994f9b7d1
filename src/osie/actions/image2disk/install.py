"""The installation of one image: source -> digest -> decompression -> disk, each in a thread of its own.

The order of events is what makes it safe. Nothing is touched before the source answered with what can be an
image that fits; then the disk is made unbootable; only a stream that was whole, clean and as expected makes
it bootable again, after all else is durable.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

from osie.actions.disk.block_device import Claimed, claim, reread_partitions
from osie.actions.disk.writer import DiskWriter, WriteError
from osie.actions.environment import Checksum
from osie.actions.fetch.http import HttpSource
from osie.actions.fetch.source import CHUNK_BYTES, FileSource, Source, shown
from osie.actions.image2disk.settings import Settings
from osie.actions.program import say, warn
from osie.actions.progress import Meter, size
from osie.actions.read_ahead import read_ahead
from osie.actions.unpack.decompress import PIECE_BYTES, ImageError, blocks, decompressed, kind_of, size_told
from osie.contracts.action_events import Progress

_FETCHED_AHEAD, _DECOMPRESSED_AHEAD = (
    4,
    6,
)  # pieces of 1 MiB: all the memory that a slow stage can make us hold


class Fetched:
    """The bytes as they are fetched, counted and digested on their way."""

    def __init__(self, source: Source, expected: Checksum | None) -> None:
        self._source = source
        self._expected = expected
        self._digest = (expected or Checksum("sha256", "")).new()
        self.total = source.total
        self.done = 0

    def chunks(self) -> Iterator[bytes]:
        """The source's bytes."""
        for chunk in self._source.chunks():
            self._digest.update(chunk)
            self.done += len(chunk)
            yield chunk

    @property
    def digest(self) -> str:
        """What was found, as ALGORITHM:HEX."""
        return f"{self._digest.name}:{self._digest.hexdigest()}"

    def check(self) -> None:
        """Raise ImageError unless all of it has the expected digest."""
        if self._expected is not None and self.digest != str(self._expected):
            raise ImageError(f"the image's digest is {self.digest}, and CHECKSUM expects {self._expected}")


class Decompressed:
    """The image's bytes on their way to the disk; digested where somebody wants to know."""

    def __init__(self, expected: Checksum | None) -> None:
        self._expected = expected
        self._digest = expected.new() if expected else None

    def pieces(self, chunks: Iterator[bytes], kind: str) -> Iterator[bytes]:
        """The decompressed bytes in equal blocks."""
        for block in blocks(decompressed(chunks, kind), PIECE_BYTES):
            if self._digest is not None:
                self._digest.update(block)
            yield block

    def check(self) -> None:
        """Raise ImageError unless all of it has the expected digest."""
        if self._expected is None or self._digest is None:
            return
        found = self._digest.hexdigest()
        if found != self._expected.hexdigest:
            raise ImageError(
                f"the decompressed image's digest is {self._expected.algorithm}:{found}, "
                f"and RAW_CHECKSUM expects {self._expected}"
            )


def _source(settings: Settings) -> Source:
    if settings.url.startswith("file:"):
        return FileSource(settings.url)
    return HttpSource(settings.url, settings.patience, warn)


def _emit(settings: Settings, event: Progress) -> None:
    say(event.encode())
    if settings.text:
        share = f" of {size(event.total)}" if event.total is not None else ""
        say(f"{event.phase}: {size(event.done)}{share}, {size(event.rate_per_s)}/s")


def _warn_if_unverified(settings: Settings, source: Source, kind: str) -> None:
    """Say what can't be found out about this image. Raises ImageError where nothing could be."""
    announced = settings.compressed
    if announced is not None and announced != (kind != "raw"):
        warn(f"COMPRESSED={str(announced).lower()}, but the image is {kind}: written as {kind}")
    if settings.checksum or settings.raw_checksum:
        return
    if kind == "raw" and not source.ends_clearly:
        raise ImageError(
            "nothing could tell this raw image from a part of it: the server names no length",
            hint="set CHECKSUM, or compress the image",
        )
    warn(
        "no CHECKSUM is given: THE IMAGE IS NOT VERIFIED; who can change it on its way can change the machine"
    )


@dataclass(frozen=True)
class Image:
    """An image whose first bytes have arrived."""

    fetched: Fetched
    chunks: Iterator[bytes]  # from the first byte on
    kind: str
    size: int | None  # decompressed, where that is known


def install(settings: Settings) -> int:
    """Put the image on the disk. Returns 0; raises OsieError on anything less than success."""
    disk = claim(settings.disk)
    try:
        meter = Meter(lambda event: _emit(settings, event), interval_s=settings.interval_s)
        meter.update("fetch", 0, None)
        _write(settings, disk, _begin(settings), meter)
    finally:
        disk.close()
    return 0


def _begin(settings: Settings) -> Image:
    """Reach the source and see what it has."""
    source = _source(settings)
    source.open()
    fetched = Fetched(source, settings.checksum)
    # in whole blocks, so that the first one surely holds enough to tell the format by
    ahead = read_ahead(blocks(fetched.chunks(), CHUNK_BYTES), depth=_FETCHED_AHEAD, name="fetch")
    first = next(ahead, b"")
    kind = kind_of(first)
    _warn_if_unverified(settings, source, kind)
    return Image(fetched, itertools.chain([first], ahead), kind, size_told(first, kind, source.total))


def _write(settings: Settings, disk: Claimed, image: Image, meter: Meter) -> None:
    if image.size is not None and disk.size is not None and image.size > disk.size:
        raise WriteError(
            f"the image is larger than the disk: {image.size} bytes, and {disk.path} has {disk.size}"
        )
    begun = time.monotonic()
    say(f"writing {shown(settings.url)} ({image.kind}) to {disk.path}")
    fetched, content = image.fetched, Decompressed(settings.raw_checksum)
    writer = DiskWriter(disk, image_size=image.size)
    writer.erase_ends()
    pieces = content.pieces(image.chunks, image.kind)
    for block in read_ahead(pieces, depth=_DECOMPRESSED_AHEAD, name="decompress"):
        writer.write(block)
        meter.update("write", fetched.done, fetched.total)
    fetched.check()
    content.check()
    _check_size(settings, writer.done, disk.sector)
    meter.update("sync", fetched.done, fetched.total)
    writer.sync()
    meter.update("verify", fetched.done, fetched.total)
    writer.finish()
    partitions = reread_partitions(disk)
    seconds = time.monotonic() - begun
    if partitions:
        say(f"partitions: {', '.join(partitions)}")
    say(
        f"wrote {writer.done} bytes ({fetched.done} fetched) to {disk.path} in {seconds:.1f} s, "
        f"{size(writer.done / seconds)}/s; fetched bytes are {fetched.digest}"
    )


def _check_size(settings: Settings, done: int, sector: int) -> None:
    """Raise ImageError for a size that no disk image has, unless a digest says that it's meant."""
    if done == 0:
        raise ImageError("the image is empty")
    if done % sector and not (settings.checksum or settings.raw_checksum):
        raise ImageError(f"the image has {done} bytes, no whole number of {sector}-byte sectors: cut off?")
