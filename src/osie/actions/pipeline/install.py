"""An image onto a disk. The order of events is what makes it safe: docs/reference/actions.md lists it.

Nothing is touched before the source answered with what can be an image that fits; then the disk is made
unbootable; only an image that was whole and as expected, and that the disk gives back, makes it bootable
again, after all else is durable.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from osie.actions import libc
from osie.actions.content import rule
from osie.actions.content.partition_tables import gpt_disk_bytes
from osie.actions.disk.block_device import Claimed, claim, reread_partitions
from osie.actions.disk.choice import choose
from osie.actions.disk.fitness import check as check_fitness
from osie.actions.disk.hashes import Hashes, NotedHashes
from osie.actions.disk.readback import Mode, read_back
from osie.actions.disk.resume import first_wrong_block
from osie.actions.disk.writer import DiskWriter
from osie.actions.fetch.source import Source
from osie.actions.pipeline.blocks import VERIFIED_AHEAD, block_zero, fetched_blocks, is_zero, runs
from osie.actions.pipeline.options import DiskOptions, FetchOptions
from osie.actions.pipeline.report import Report
from osie.actions.pipeline.stream import Flow, begin, established, unpacked
from osie.actions.program import say, warn
from osie.actions.progress import size
from osie.actions.read_ahead import read_ahead
from osie.actions.trust.blocks import verified_blocks
from osie.actions.trust.settings import TrustSettings
from osie.actions.trust.trust import Trust
from osie.actions.unpack.decompress import ImageError
from osie.contracts.image_manifest import ImageManifest, Stored

_HASHED_AHEAD = 2  # pieces of 1 MiB


class Settings(NamedTuple):
    """One image, one disk."""

    name: str  # the image's, for people
    trust: TrustSettings
    fetch: FetchOptions
    write: DiskOptions


def install(settings: Settings, source_for: Callable[[Trust], Source]) -> int:
    """Put the image on the disk. Returns 0; raises OsieError on anything less than success."""
    libc.keep_memory_together()
    with ExitStack() as stack:
        report = stack.enter_context(Report(settings.fetch).running())
        report.phase("fetch")
        disk = claim(str(choose(settings.write.disk)))
        stack.callback(disk.close)
        trust = established(settings.trust, settings.fetch)
        stack.callback(trust.close)
        source = source_for(trust)
        stack.callback(source.close)
        source.open()
        Installation(settings, Flow(source, trust), disk, report).run()
    return 0


class Installation:
    """One image on its way to one disk."""

    def __init__(
        self, settings: Settings, flow: Flow, disk: Claimed, report: Report, *, fetched: int | None = None
    ) -> None:
        """`fetched`: the bytes that were, where the flow's aren't those."""
        self._settings = settings
        self._flow = flow
        self._fetched = fetched
        self._disk = disk
        self._report = report
        manifest = flow.trust.manifest
        self._mode: Mode = settings.write.readback or ("sample" if manifest is None else "full")
        self._by_gpt: int | None = None  # bytes that the image should have
        self._writer = DiskWriter(disk, image_size=manifest.raw_size if manifest else None)

    def run(self) -> None:
        """All of it."""
        begun = time.monotonic()
        try:
            self._write()
        finally:
            self._writer.close()
        partitions = reread_partitions(self._disk)
        seconds = max(time.monotonic() - begun, 1e-3)
        if partitions:
            say(f"partitions: {', '.join(partitions)}")
        evidence = self._flow.trust.evidence
        fetched = self._flow.fetched if self._fetched is None else self._fetched
        say(
            f"wrote {self._writer.done} bytes ({fetched} fetched) to {self._disk.path}"
            f" in {seconds:.1f} s, {size(self._writer.done / seconds)}/s{'; ' if evidence else ''}{evidence}"
        )

    def _write(self) -> None:
        manifest = self._flow.trust.manifest
        hashes = self._write_any() if manifest is None else self._write_known(manifest)
        self._flow.trust.check()
        check_size(self._writer.done, self._disk, self._flow.trust)
        if self._by_gpt is not None and self._writer.done < self._by_gpt:
            warn(
                f"the image has {self._writer.done} bytes, and its GPT is of a disk of {self._by_gpt}:"
                " cut off?"
            )
        self._make_durable(hashes)

    def _write_any(self) -> Hashes | None:
        """Write an image that has no manifest; its blocks' hashes, where it's to be read back."""
        image = begin(self._flow, self._settings.fetch.compressed)
        noted = NotedHashes() if self._mode != "off" else None
        pieces = self._shown(unpacked(image))
        if noted is not None:
            pieces = noted.passing(pieces)
        if noted is not None or self._flow.trust.needs_raw:
            pieces = read_ahead(pieces, depth=_HASHED_AHEAD, name="hash")
        for number, piece in enumerate(pieces):
            if number == 0:
                self._start(piece, image.kind, image.size)
            self._take(piece)
        return noted

    def _write_known(self, manifest: ImageManifest) -> Hashes:
        """Write an image by its manifest, from the first block on that the disk hasn't got."""
        wrong, stored = self._first_wrong(manifest), manifest.stored
        if stored is not None and self._parts_will_do(stored) and (wrong > 1 or stored.kind == "raw"):
            self._write_parts(wrong, manifest, stored.kind)
        else:
            self._write_all(wrong, manifest)
        return manifest

    def _parts_will_do(self, stored: Stored) -> bool:
        """Whether parts of the stored image can be had on their own, and nobody has to see all of it."""
        trust, source = self._flow.trust, self._flow.source
        return (
            not (trust.needs_fetched or trust.needs_raw) and source.seekable and source.total == stored.size
        )

    def _first_wrong(self, manifest: ImageManifest) -> int:
        self._report.phase("resume")
        wrong = first_wrong_block(
            self._disk, manifest, tell=lambda done, total: self._report.phase("resume", done, total)
        )
        if all(is_zero(manifest, block) for block in range(1, wrong)):
            return 1  # an empty disk has those, too
        if wrong > 1:
            there = min(wrong * manifest.block_size, manifest.raw_size)
            say(
                f"{self._disk.path} has the first {size(there)} of {size(manifest.raw_size)} already:"
                " going on from there"
            )
        return wrong

    def _write_parts(self, wrong: int, manifest: ImageManifest, kind: str) -> None:
        """Fetch block 0, then what is missing; of an image that is stored raw, no zeroes."""
        head = block_zero(self._flow, manifest, kind)
        self._start(head, kind, manifest.raw_size, resumed=wrong > 1)
        self._take(head)
        if wrong > 1:
            self._writer.skip_to(min(wrong * manifest.block_size, manifest.raw_size))
        for run in runs(manifest, wrong, zeroes_apart=kind == "raw"):
            if run.zero:
                self._writer.zeroes(
                    min(run.stop * manifest.block_size, manifest.raw_size) - self._writer.done
                )
                self._tell()
                continue
            for block in fetched_blocks(self._flow, manifest, kind, run.first, run.stop):
                self._take(block)

    def _write_all(self, wrong: int, manifest: ImageManifest) -> None:
        """Fetch all of it; write what is missing."""
        image = begin(self._flow, self._settings.fetch.compressed)
        blocks = verified_blocks(self._shown(unpacked(image)), manifest)
        for number, block in enumerate(read_ahead(blocks, depth=VERIFIED_AHEAD, name="verify")):
            if number == 0:
                self._start(block, image.kind, manifest.raw_size, resumed=wrong > 1)
            if 0 < number < wrong:
                self._writer.skip_to(self._writer.done + len(block))
                self._tell()
            else:
                self._take(block)

    def _shown(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The decompressed bytes, seen by the trust."""
        trust = self._flow.trust
        for piece in pieces:
            if trust.needs_raw:
                trust.raw(piece)
            yield piece

    def _start(self, head: bytes, kind: str, raw_size: int | None, *, resumed: bool = False) -> None:
        """The image's first bytes are here: they and the disk are looked at, and it is made unbootable."""
        manifest = self._flow.trust.manifest
        if self._settings.write.kind == "disk":
            rule.check_disk(head, kind)
        if kind == "raw" and raw_size is not None:
            check_size(raw_size, self._disk, self._flow.trust)
        check_fitness(
            self._disk,
            raw_size=raw_size,
            head=head,
            sector_size=manifest.sector_size if manifest is not None else None,
        )
        self._by_gpt = gpt_disk_bytes(head)
        say(f"writing {self._settings.name} ({kind}) to {self._disk.path}")
        self._writer.erase_ends(keep=resumed)

    def _take(self, piece: bytes) -> None:
        self._writer.write(piece)
        self._tell()

    def _tell(self) -> None:
        self._report.phase("write", self._flow.position, self._flow.source.total)

    def _make_durable(self, hashes: Hashes | None) -> None:
        done = self._writer.done
        self._report.phase("sync", done, done)
        self._writer.sync()
        if hashes is not None and self._mode != "off":
            self._report.phase("readback", 0, done)
            read_back(
                self._disk,
                hashes,
                self._mode,
                ends=self._writer.ends,
                tell=lambda compared, total: self._report.phase("readback", compared, total),
            )
        self._report.phase("verify", done, done)
        self._writer.finish()


def check_size(size: int, disk: Claimed, trust: Trust) -> None:
    """Raise ImageError for a size that no disk image has, unless something says that it's meant."""
    if size == 0:
        raise ImageError("the image is empty")
    if size % disk.sector and not trust.verified:
        raise ImageError(
            f"the image has {size} bytes, no whole number of {disk.sector}-byte sectors: cut off?"
        )
