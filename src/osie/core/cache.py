"""The build cache: a step's result lives under the digest of the step's inputs.

A result is built in a folder whose name nobody else uses, and renamed into place when it is whole and on the
disk: a build that is killed, and a power cut, leave nothing that a later build trusts, and what they leave is
removed by the next. A lock file per result is exclusive to who builds or removes it, and shared by who uses
it for as long as their Cache object is there: two builds do the work once, and what a running build uses is
never pruned.
"""

import errno
import os
import random
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from osie.core import durable
from osie.core.errors import OsieError, chain
from osie.core.files import sha256_of_values
from osie.core.locks import Kept, exclusive_if_free, shared
from osie.core.process import ProcessError

_UNFINISHED = ".unfinished-"
_LOCK = ".lock-"  # the file holds the result's size
_COLLISION_S = 0.02
_T = TypeVar("_T")


class BuildProgress(Protocol):
    """Who wants to know where a build stands: the terminal, a log, a test."""

    def started(self, step: str) -> None:
        """The step begins."""

    def finished(self, step: str, *, seconds: float, size_bytes: int, cached: bool) -> None:
        """The step's result is there; `cached` where nothing had to be done."""


class Silent:
    """A BuildProgress that tells nobody."""

    def started(self, step: str) -> None:
        """Say nothing."""

    def finished(self, step: str, *, seconds: float, size_bytes: int, cached: bool) -> None:
        """Say nothing."""


def size_of(path: Path) -> int:
    """Bytes of the file, or of all files below the folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())


@dataclass(frozen=True)
class Entry:
    """One result in the cache."""

    key: str
    size: int  # bytes
    last_used: float  # seconds since 1970

    @property
    def step(self) -> str:
        """The step that made it."""
        return self.key.rpartition("-")[0]


@dataclass(frozen=True)
class Cache:
    """A folder of results, each in a folder of its own named STEP-DIGEST."""

    root: Path
    progress: BuildProgress
    in_use: Kept = field(default_factory=Kept, compare=False)  # what we got is kept from being pruned

    def get(self, step: str, inputs: Sequence[object], build: Callable[[Path], None]) -> Path:
        """Return the folder with the result of `step` for `inputs`; `build` fills an empty one if need be.

        `inputs` are JSON-like values that name everything the result depends on: versions, digests, options.
        What `build` raises passes through, with nothing left behind; a full disk is told as that.
        """
        key = f"{step}-{sha256_of_values(*inputs)[:24]}"
        result = self.root / key
        self.progress.started(step)
        begun = time.monotonic()
        self.root.mkdir(parents=True, exist_ok=True)
        cached = self._obtain(step, result, build)
        os.utime(result)  # the last use: what a prune goes by
        self.progress.finished(
            step, seconds=time.monotonic() - begun, size_bytes=self._size(key), cached=cached
        )
        return result

    def read(
        self, step: str, inputs: Sequence[object], build: Callable[[Path], None], reader: Callable[[Path], _T]
    ) -> _T:
        """What `reader` makes of the result's folder, as of `get`.

        Where it raises ValueError, KeyError, TypeError or FileNotFoundError, the disk has lost something: the
        result is built anew.
        """
        result = self.get(step, inputs, build)
        try:
            return reader(result)
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            self.in_use.drop(self._lock(result.name))
            if not self._remove(result.name) and result.is_dir():
                raise OsieError(
                    f"{result}: damaged since it was built: {error}",
                    hint="another build uses it; when that has ended, the next makes it anew",
                ) from error
        return reader(self.get(step, inputs, build))

    def _obtain(self, step: str, result: Path, build: Callable[[Path], None]) -> bool:
        """Have the result, and a shared lock on it; True where it was there already.

        Nobody waits for an exclusive lock: it would come only when all who use the result have ended.
        """
        lock = self._lock(result.name)
        cached = True
        while True:
            taken = shared(lock)  # waits for who builds it
            if result.is_dir():
                self.in_use.keep(lock, taken)
                return cached
            os.close(taken)
            self.in_use.drop(lock)  # somebody removed by hand what we use
            with exclusive_if_free(lock) as ours:
                if not ours:  # another process is between these two locks, as we are
                    time.sleep(random.uniform(0, _COLLISION_S))  # noqa: S311 - no secret
                elif not result.is_dir():
                    self._build(step, result, build)
                    cached = False

    def entries(self) -> list[Entry]:
        """All results, the least recently used first."""
        found = []
        for path in self.root.glob("[!.]*"):
            try:
                found.append(Entry(path.name, self._size(path.name), path.stat().st_mtime))
            except FileNotFoundError:  # another process removed it just now
                continue
        return sorted(found, key=lambda entry: entry.last_used)

    def prune(self, keep_bytes: int) -> int:
        """Remove the least recently used results until the rest takes no more; return the bytes freed.

        What any process uses stays, even if that is more.
        """
        entries = self.entries()
        total = before = sum(entry.size for entry in entries)
        for entry in entries:
            if total <= keep_bytes:
                break
            if self._remove(entry.key):
                total -= entry.size
        return before - total

    def sweep(self) -> None:
        """Remove what killed builds left."""
        for path in self.root.glob(f"{_UNFINISHED}*"):
            key = path.name.removeprefix(_UNFINISHED).partition(".")[0]
            with exclusive_if_free(self._lock(key)) as nobody_builds_it:
                if nobody_builds_it:
                    shutil.rmtree(path, ignore_errors=True)
                    if not (self.root / key).is_dir():
                        self._lock(key).unlink()

    def _lock(self, key: str) -> Path:
        return self.root / f"{_LOCK}{key}"

    def _unfinished(self, key: str) -> Path:
        # A name of its own: children of a killed build may write to theirs for a while yet.
        return self.root / f"{_UNFINISHED}{key}.{secrets.token_hex(4)}"

    def _size(self, key: str) -> int:
        try:
            return int(self._lock(key).read_text())
        except (FileNotFoundError, ValueError):
            return size_of(self.root / key)

    def _build(self, step: str, result: Path, build: Callable[[Path], None]) -> None:
        unfinished = self._unfinished(result.name)
        unfinished.mkdir()
        try:
            build(unfinished)
            self._lock(result.name).write_text(str(size_of(unfinished)))
            durable.settle(unfinished)
            unfinished.rename(result)
        except (OSError, OsieError) as error:
            if disk_is_full(error):
                raise OsieError(
                    f"the disk that holds {self.root} is full: step {step} can't be finished",
                    hint="`osie cache prune`, or OSIE_CACHE=FOLDER on a larger disk",
                ) from None
            raise
        finally:
            if not result.is_dir():
                self._lock(result.name).unlink(missing_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)

    def _remove(self, key: str) -> bool:
        lock = self._lock(key)
        with exclusive_if_free(lock) as unused:
            if not unused:
                return False
            leaving = self._unfinished(key)  # swept by the next build, should we be killed now
            if (self.root / key).is_dir():
                (self.root / key).rename(leaving)
                shutil.rmtree(leaving)
            lock.unlink()
            return True


def disk_is_full(error: BaseException) -> bool:
    """Whether that is why it failed: our own call, or a program's that says so."""
    full = (errno.ENOSPC, errno.EDQUOT)
    told = chain(error)
    if isinstance(error, ProcessError) and error.completed:
        told += [error.completed.stderr, error.completed.stdout]
    return (isinstance(error, OSError) and error.errno in full) or any(
        os.strerror(number) in text for number in full for text in told
    )
