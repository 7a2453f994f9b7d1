"""From an image in a virtual machine's format to one disk.

Such an image has to be read back and forth, so it is fetched to the disk first, behind what it becomes,
verified there, and shown by qemu-nbd as the disk that it is; that goes the way of any image from there on.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import NamedTuple

from osie.actions import libc
from osie.actions.disk.block_device import Claimed, claim
from osie.actions.disk.choice import choose
from osie.actions.disk.fitness import check as check_fitness
from osie.actions.disk.writer import DiskWriter, WriteError
from osie.actions.fetch.opening import source_for
from osie.actions.fetch.source import Source
from osie.actions.image2disk.settings import ImageToDisk
from osie.actions.pipeline.install import Installation, check_size
from osie.actions.pipeline.report import Report
from osie.actions.pipeline.stream import (
    DECOMPRESSED_AHEAD,
    FETCHED_AHEAD,
    Flow,
    bears,
    established,
    threads,
)
from osie.actions.program import say, warn
from osie.actions.qemuimg2disk import formats, nbd, staging
from osie.actions.qemuimg2disk.formats import Disk
from osie.actions.qemuimg2disk.look import HEAD_BYTES, Look
from osie.actions.read_ahead import read_ahead
from osie.actions.trust.settings import TrustSettings
from osie.actions.trust.trust import Trust
from osie.actions.unpack.decompress import (
    PIECE_BYTES,
    ImageError,
    blocks,
    decompressed,
    kind_of,
    size_told,
)

_MOST_REQUESTS = 64


class _Stored(NamedTuple):
    """An image in a virtual machine's format, as it is stored."""

    disk: Disk
    packed: str  # how it is compressed; "raw": not
    size: int  # bytes, decompressed, where that is known; else the least that it can be


def install(wanted: ImageToDisk) -> int:
    """Put the image on the disk. Returns 0; raises OsieError on anything less than success."""
    libc.keep_memory_together()
    settings = wanted.settings
    if settings.trust.doubt:
        warn(settings.trust.doubt)
    with ExitStack() as stack:
        report = stack.enter_context(Report(settings.fetch).running())
        report.phase("fetch")
        disk = claim(str(choose(settings.write.disk)))
        stack.callback(disk.close)
        patience, checked = settings.fetch.patience, settings.trust.verified
        source = source_for(wanted.urls, patience, warn, checked=checked)
        stack.callback(source.close)
        source.open()
        image = _looked_at(source)
        if image is None:
            _plain(wanted, source, disk, report)
        else:
            _through_qemu(wanted, source, image, disk, report)
    return 0


def _looked_at(source: Source) -> _Stored | None:
    """What the image is; None for one that needs no qemu. Raises ImageError for one that can't be taken."""
    stored = Look(source, "raw")
    found = formats.told(stored.at)
    if found is not None:
        return _Stored(found, "raw", source.total or 0)
    head = stored.at(0, HEAD_BYTES)
    packed = kind_of(head)
    found = formats.told(Look(source, packed).at) if packed != "raw" else None
    return _Stored(found, packed, size_told(head, packed, source.total) or 0) if found is not None else None


def _plain(wanted: ImageToDisk, source: Source, disk: Claimed, report: Report) -> None:
    """An image that needs no qemu: raw, compressed or not."""
    with ExitStack() as stack:
        trust = established(wanted.settings.trust, wanted.settings.fetch, told=True)
        stack.callback(trust.close)
        Installation(wanted.settings, Flow(source, trust), disk, report).run()


def _through_qemu(wanted: ImageToDisk, source: Source, image: _Stored, disk: Claimed, report: Report) -> None:
    """Everything that can be known comes before the disk is touched, which is what `_stage` begins with."""
    given = wanted.settings
    with ExitStack() as stack:
        nbd.insist_on_program()
        of_stored = established(_of_stored(given.trust), given.fetch, told=True)
        stack.callback(of_stored.close)
        of_raw = established(_of_raw(given.trust), given.fetch, told=True)
        stack.callback(of_raw.close)
        of_stored.verified |= given.trust.verified
        of_raw.verified |= given.trust.verified
        flow = Flow(source, of_stored)
        _check(image, flow, of_raw, disk)
        _check_beforehand(image, source)
        place = stack.enter_context(staging.place(disk, image.disk.size, image.size))
        packed = "" if image.packed == "raw" else f" in {image.packed}"
        say(f"fetching {given.name} ({image.disk.kind}{packed}) to {disk.path}, behind what it becomes")
        _stage(image, flow, disk, place, report)
        with place.reading() as at:
            formats.check_whole(image.disk.kind, at, place.length)
        shown = stack.enter_context(nbd.shown(image.disk.kind, place.node))
        _check_shown(shown, place, disk)
        # its format says that it is a disk, be it an empty one
        meant = given._replace(write=given.write._replace(kind="any"))
        Installation(meant, Flow(shown, of_raw), disk, report, fetched=flow.fetched).run()


def _check(image: _Stored, flow: Flow, of_raw: Trust, disk: Claimed) -> None:
    """Raise what is wrong with the image for this disk, as far as it is known before it's fetched."""
    if image.packed == "raw" and not flow.source.ends_clearly and not of_raw.verified:
        raise ImageError(
            "nothing could tell this image from a part of it: the server names no length",
            hint="set CHECKSUM, or compress the image",
        )
    manifest = of_raw.manifest
    check_size(image.disk.size, disk, of_raw)
    check_fitness(
        disk,
        raw_size=max(image.disk.size, manifest.raw_size if manifest else 0),
        head=b"",
        sector_size=manifest.sector_size if manifest else None,
    )


def _check_beforehand(image: _Stored, source: Source) -> None:
    """Raise ImageError for a truncated image, where few requests show that: each table is one."""
    length = source.total
    if image.packed != "raw" or length is None or not source.seekable:
        return
    look = Look(source, "raw")
    asked = 0

    def at(start: int, length: int) -> bytes:
        nonlocal asked
        asked += 1
        if asked > _MOST_REQUESTS:
            raise _NotNow
        return look.at(start, length)

    with suppress(_NotNow):
        formats.check_whole(image.disk.kind, at, length)


class _NotNow(Exception):
    """Too much to ask for it in advance."""


def _stage(image: _Stored, flow: Flow, disk: Claimed, place: staging.Place, report: Report) -> None:
    """Fetch the image to its place and verify it. The disk doesn't boot any more from here on."""
    writer = DiskWriter(disk)
    try:
        writer.erase_ends()
    finally:
        writer.close()
    place.fill(_pieces(image, flow), lambda: report.phase("fetch", flow.position, flow.source.total))
    flow.trust.check()
    if flow.trust.evidence:
        say(flow.trust.evidence)


def _pieces(image: _Stored, flow: Flow) -> Iterator[bytes]:
    """All of the image, decompressed where it's stored so."""
    fetched = read_ahead(flow.chunks(), depth=FETCHED_AHEAD, name="fetch")
    if image.packed == "raw":
        return fetched
    pieces = decompressed(fetched, image.packed, threads=threads(), bear=bears(flow, image.packed))
    return read_ahead(blocks(pieces, PIECE_BYTES), depth=DECOMPRESSED_AHEAD, name="decompress")


def _check_shown(shown: nbd.NbdSource, place: staging.Place, disk: Claimed) -> None:
    """Raise WriteError where qemu reads another size than we did, and it would be written over the image."""
    if place.is_block and (shown.total or 0) > place.start:
        raise WriteError(
            f"the image is larger than its header says: it becomes {shown.total} bytes, and on {disk.path}"
            f" there are {place.start} before the place where it lies"
        )


def _of_stored(settings: TrustSettings) -> TrustSettings:
    """What stands for the image as it's fetched."""
    signed = settings.signed if settings.signed and settings.signed.subject in ("IMAGE", "CHECKSUM") else None
    return settings._replace(raw_checksum=None, manifest_url="", manifest_root="", signed=signed)


def _of_raw(settings: TrustSettings) -> TrustSettings:
    """What stands for the disk that it becomes."""
    raw = ("MANIFEST_URL", "RAW_CHECKSUM")
    signed = settings.signed if settings.signed and settings.signed.subject in raw else None
    return settings._replace(checksum=None, signed=signed)
