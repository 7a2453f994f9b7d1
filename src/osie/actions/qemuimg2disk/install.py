"""From an image in a virtual machine's format to one disk.

Such an image has to be read back and forth, so it is fetched to the disk's end first, verified there, and
shown by qemu-nbd as the disk that it is; that goes the way of any image from there on.
"""

from contextlib import ExitStack

from osie.actions import libc
from osie.actions.disk.block_device import Claimed, claim
from osie.actions.disk.choice import choose
from osie.actions.disk.writer import DiskWriter, WriteError
from osie.actions.fetch.opening import source_for
from osie.actions.fetch.source import Source
from osie.actions.image2disk.settings import ImageToDisk
from osie.actions.pipeline.install import Installation
from osie.actions.pipeline.report import Report
from osie.actions.pipeline.stream import Flow, established
from osie.actions.program import say, warn
from osie.actions.qemuimg2disk import formats, nbd, staging
from osie.actions.qemuimg2disk.staging import Staged
from osie.actions.trust.settings import TrustSettings
from osie.actions.unpack.decompress import ImageError


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
        kind = formats.told(b"".join(source.chunks(0, formats.HEAD_BYTES)))
        if kind is None:
            _plain(wanted, source, disk, report)
        else:
            say(f"fetching {settings.name} ({kind}) to the end of {disk.path}")
            where, staged = stack.enter_context(staging.place(disk, source))
            _stage(wanted, source, disk, (where, staged), report)
            shown = stack.enter_context(nbd.shown(kind, staged.node))
            _write(wanted, shown, disk, staged, report)
    return 0


def _plain(wanted: ImageToDisk, source: Source, disk: Claimed, report: Report) -> None:
    """An image that needs no qemu: raw, compressed or not."""
    with ExitStack() as stack:
        trust = established(wanted.settings.trust, wanted.settings.fetch, told=True)
        stack.callback(trust.close)
        Installation(wanted.settings, Flow(source, trust), disk, report).run()


def _stage(
    wanted: ImageToDisk, source: Source, disk: Claimed, place: tuple[Claimed, Staged], report: Report
) -> None:
    """Fetch the image to its place and verify it. The disk doesn't boot any more from here on."""
    with ExitStack() as stack:
        trust = established(_of_stored(wanted.settings.trust), wanted.settings.fetch, told=True)
        stack.callback(trust.close)
        writer = DiskWriter(disk)
        stack.callback(writer.close)
        writer.erase_ends()
        staging.fill(*place, Flow(source, trust), report)
        trust.check()
        if trust.evidence:
            say(trust.evidence)


def _write(wanted: ImageToDisk, source: nbd.NbdSource, disk: Claimed, staged: Staged, report: Report) -> None:
    """Write the disk that qemu shows. It must end before the place where its image lies."""
    source.open()
    if not source.total:
        raise ImageError("the image is empty")
    if staged.is_block and source.total > staged.start:
        raise WriteError(
            f"the image is larger than the disk: it becomes {source.total} bytes, and next to the"
            f" {staged.size} bytes that it's made of there are {staged.start} on {disk.path}"
        )
    with ExitStack() as stack:
        trust = established(_of_raw(wanted.settings.trust), wanted.settings.fetch, told=True)
        stack.callback(trust.close)
        trust.verified |= wanted.settings.trust.verified
        Installation(wanted.settings, Flow(source, trust), disk, report).run()


def _of_stored(settings: TrustSettings) -> TrustSettings:
    """What stands for the image as it's fetched."""
    signed = settings.signed if settings.signed and settings.signed.subject in ("IMAGE", "CHECKSUM") else None
    return settings._replace(raw_checksum=None, manifest_url="", manifest_root="", signed=signed)


def _of_raw(settings: TrustSettings) -> TrustSettings:
    """What stands for the disk that it becomes."""
    raw = ("MANIFEST_URL", "RAW_CHECKSUM")
    signed = settings.signed if settings.signed and settings.signed.subject in raw else None
    return settings._replace(checksum=None, signed=signed)
