"""An archive into a file system: extracted out of sight, verified, and only then moved to its place."""

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from osie.actions import libc
from osie.actions.archive2disk.moving import check, move
from osie.actions.archive2disk.settings import Settings
from osie.actions.content import rule
from osie.actions.fetch.opening import source_for
from osie.actions.fetch.source import shown
from osie.actions.mounting import mounted, private_namespace, sync
from osie.actions.pipeline.report import Report
from osie.actions.pipeline.stream import Flow, begin, established, unpacked
from osie.actions.program import say, warn
from osie.actions.unpack.decompress import ImageError
from osie.core.errors import OsieError
from osie.core.process import clean_environment

HIDDEN = ".osie-archive"  # in the file system's root; what a killed run left in it is removed by the next
_MOUNT_FLAGS = libc.MS_NOSUID | libc.MS_NODEV | libc.MS_NOEXEC
_TAR = (
    "tar",
    "--extract",
    "--file=-",
    "--numeric-owner",
    "--same-owner",
    "--same-permissions",
    "--delay-directory-restore",
    "--acls",
    "--selinux",
    "--xattrs",
    "--xattrs-include=*",
    "--warning=no-timestamp",
)
_MOST_WARNINGS = 10  # lines that are handed on
_MOST_SAID = 16 << 10  # bytes of tar's complaints that are looked at
_BLOCK_BYTES = 512
_END = bytes(2 * _BLOCK_BYTES)  # two blocks of zeroes end an archive (POSIX, pax: ustar interchange format)


class ExtractError(OsieError):
    """What is in the archive can't be put into the file system."""


def extract(settings: Settings) -> int:
    """Mount, extract, verify, move, unmount. Returns 0; raises OsieError on anything less.

    To mount is to write, in most file systems: the archive's first bytes are here before.
    """
    libc.keep_memory_together()
    private_namespace()
    with ExitStack() as stack:
        report = stack.enter_context(Report(settings.fetch).running())
        report.phase("fetch")
        archive = _begun(settings, stack)
        root = stack.enter_context(mounted(settings.device, settings.kind, flags=_MOUNT_FLAGS))
        with _told(settings):
            check(root, settings.folder)
        hidden = stack.enter_context(_hidden(root))
        say(f"extracting {shown(settings.urls[0])} ({archive.kind})")
        count = _extract(archive, hidden, report)
        report.phase("sync", count, count)
        sync(root, settings.device)
        with _told(settings):
            move(hidden, root, settings.folder)
    say(f"extracted {shown(settings.urls[0])} to {settings.folder} on {settings.device}")
    return 0


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """Turn what the system says of the archive's way to its folder into our error."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise ExtractError(
            f"can't move what is extracted to {settings.folder}: {what}{error.strerror}"
        ) from error


@contextmanager
def _hidden(root: Path) -> Iterator[Path]:
    """A folder that nobody else may look into, gone afterwards."""
    top = root / HIDDEN
    try:
        if top.exists():
            warn(f"an earlier run was cut off: what it left in /{HIDDEN} is removed")
            shutil.rmtree(top)
        top.mkdir(0o700)
        (top / "tree").mkdir(0o700)
    except OSError as error:
        raise ExtractError(f"can't make /{HIDDEN} in the file system: {error.strerror}") from error
    try:
        yield top / "tree"
    finally:
        shutil.rmtree(top, ignore_errors=True)


class _Archive(NamedTuple):
    """An archive whose first bytes are here."""

    flow: Flow
    kind: str  # how it's compressed
    pieces: Iterator[bytes]  # decompressed, from the first byte on


def _begun(settings: Settings, stack: ExitStack) -> _Archive:
    """What stands for the archive, and its first bytes, decompressed; `stack` ends what was begun."""
    trust = established(settings.trust, settings.fetch)
    stack.callback(trust.close)
    source = source_for(settings.urls, settings.fetch.patience, warn, checked=trust.verified)
    stack.callback(source.close)
    source.open()
    flow = Flow(source, trust)
    image = begin(flow, settings.fetch.compressed)
    pieces = unpacked(image)
    first = next(pieces, b"")
    rule.check_archive(first, image.kind)
    return _Archive(flow, image.kind, itertools.chain([first], pieces))


def _extract(archive: _Archive, folder: Path, report: Report) -> int:
    """Fetch, verify and decompress the archive into `folder`; return the bytes as fetched."""
    flow = archive.flow
    trust = flow.trust
    with tempfile.TemporaryFile() as said, _Tar(folder, said).running() as tar:
        end, length = b"", 0
        for piece in archive.pieces:
            if trust.needs_raw:
                trust.raw(piece)
            tar.write(piece)
            end = (end + piece[-len(_END) :])[-len(_END) :]
            length += len(piece)
            report.phase("write", flow.position, flow.source.total)
        tar.finish()
    trust.check()
    _check_end(end, length, verified=trust.verified)
    if trust.evidence:
        say(trust.evidence)
    return flow.fetched


def _check_end(end: bytes, length: int, *, verified: bool) -> None:
    """Raise ImageError where it has no end, unless something stands for all of it.

    One that stops inside a block was cut off, whoever signed it. GNU tar says nothing of what it lacks then.
    """
    if length % _BLOCK_BYTES:
        raise ImageError(
            f"the archive is cut off: it has {length} bytes, no whole number of {_BLOCK_BYTES}-byte blocks"
        )
    if end == _END:
        return
    if not verified:
        raise ImageError(
            "the archive stops without its end: cut off, or no tar archive",
            hint="set TARFILE_CHECKSUM where it was made so",
        )
    warn("the archive has no end (two blocks of zeroes): taken, since its digest or signature is right")


class _Tar:
    """GNU tar, which is written to."""

    def __init__(self, folder: Path, said: IO[bytes]) -> None:
        self._said = said
        self._process = subprocess.Popen(
            [*_TAR, f"--directory={folder}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=clean_environment(),
        )
        self._reads = True

    @contextmanager
    def running(self) -> Iterator["_Tar"]:
        """It is ended with the block."""
        try:
            yield self
        finally:
            self._process.kill()
            self._end()

    def write(self, piece: bytes) -> None:
        """Give it the archive's next bytes. Where it doesn't read any more, `finish` says why."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            if self._reads:
                self._process.stdin.write(piece)
        except BrokenPipeError:
            self._reads = False

    def finish(self) -> None:
        """The archive is over: warn of what tar warned of. Raises ExtractError where it isn't content."""
        status = self._end()
        self._said.seek(0)
        text = self._said.read(_MOST_SAID).decode(errors="replace")
        lines = dict.fromkeys(line for line in text.splitlines() if "Removing leading" not in line)
        told = ["".join(c if c.isprintable() else "?" for c in line) for line in lines]  # each once
        if status:
            raise ExtractError(f"the archive can't be extracted: {told[0] if told else f'status {status}'}")
        for line in told[:_MOST_WARNINGS]:
            warn(line)
        if len(told) > _MOST_WARNINGS or len(text) == _MOST_SAID:
            warn(f"tar warns of more than these {_MOST_WARNINGS}")

    def _end(self) -> int:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        return self._process.wait()
