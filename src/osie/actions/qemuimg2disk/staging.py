"""Where an image lies that has to be read back and forth: not in memory, which is short, but on the disk
that it's for, at its very end. What it becomes comes to lie before it, or both don't fit.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from osie.actions.disk.block_device import Claimed, DeviceError
from osie.actions.disk.device import insist, write_all
from osie.actions.disk.ends import END_BYTES
from osie.actions.disk.writer import WriteError
from osie.actions.fetch.source import Source, SourceError
from osie.actions.pipeline.report import Report
from osie.actions.pipeline.stream import FETCHED_AHEAD, Flow
from osie.actions.read_ahead import read_ahead

_GRAIN = 1 << 20
_WINDOW = 32 << 20


class Staged(NamedTuple):
    """An image that lies on a disk, or in a file."""

    path: str
    start: int  # bytes
    size: int
    is_block: bool

    @property
    def node(self) -> dict[str, object]:
        """The same for QEMU's block drivers."""
        driver = "host_device" if self.is_block else "file"
        whole = {"driver": driver, "filename": self.path, "locking": "off"}
        return {"driver": "raw", "offset": self.start, "size": self.size, "file": whole}


@contextmanager
def place(disk: Claimed, source: Source) -> Iterator[tuple[Claimed, Staged]]:
    """Where to put the image, and what of the disk's it is in; the place is made zeroes after the block.

    A regular file gets another one beside it. Raises SourceError and WriteError.
    """
    if source.total is None:
        raise SourceError("the server doesn't say how large the image is, and it needs a place")
    if disk.size is None:
        with tempfile.NamedTemporaryFile(dir=disk.path.parent, prefix=".osie-image-") as file:
            beside = Claimed(disk.path, file.fileno(), file.fileno(), None, disk.sector)
            yield beside, Staged(file.name, 0, source.total, is_block=False)
        return
    start = (disk.size - END_BYTES - source.total) // _GRAIN * _GRAIN
    if start < END_BYTES:
        raise WriteError(
            f"the image of {source.total} bytes doesn't fit the disk: {disk.path} has {disk.size}"
        )
    try:
        yield disk, Staged(str(disk.path), start, source.total, is_block=True)
    finally:
        with suppress(OSError):  # what is left there means nothing to anybody
            disk.zero(start, -(-source.total // _GRAIN) * _GRAIN)
            disk.fsync()


def fill(where: Claimed, staged: Staged, flow: Flow, report: Report) -> None:
    """Fetch the image to its place, and make it durable. Raises what the source raises, and DeviceError."""
    offset = staged.start
    try:
        for chunk in read_ahead(flow.chunks(), depth=FETCHED_AHEAD, name="fetch"):
            write_all(memoryview(chunk), offset, where.pwrite)
            offset += len(chunk)
            report.phase("fetch", flow.position, staged.size)
            if flow.position % _WINDOW < len(chunk):
                where.forget(staged.start, offset - staged.start)
        insist(where.fsync)
    except OSError as error:
        raise DeviceError(f"{where.path} fails at byte {offset}: {error.strerror}") from error
    if offset - staged.start != staged.size:
        raise SourceError(f"the image has {offset - staged.start} bytes, and {staged.size} were announced")
