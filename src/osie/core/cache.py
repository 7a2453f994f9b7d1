"""The build cache: a step's result lives under the digest of the step's inputs.

A result is built in a folder of its own and renamed into place when it is whole, so a build that is killed
leaves nothing that a later one trusts. A lock per key keeps two builds from doing the same work.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from osie.core.files import sha256_of_values


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
class Cache:
    """A folder of results, each in a folder of its own named STEP-DIGEST."""

    root: Path
    progress: BuildProgress

    def get(self, step: str, inputs: Sequence[object], build: Callable[[Path], None]) -> Path:
        """Return the folder with the result of `step` for `inputs`; `build` fills an empty one if need be.

        `inputs` are JSON-like values that name everything the result depends on: versions, digests, options.
        What `build` raises passes through, with nothing left behind.
        """
        key = f"{step}-{sha256_of_values(*inputs)[:24]}"
        result = self.root / key
        self.progress.started(step)
        begun = time.monotonic()
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock(key):
            cached = result.is_dir()
            if cached:
                os.utime(result)  # the last use: what a prune goes by
            else:
                self._build(result, build)
        self.progress.finished(
            step, seconds=time.monotonic() - begun, size_bytes=size_of(result), cached=cached
        )
        return result

    def _build(self, result: Path, build: Callable[[Path], None]) -> None:
        unfinished = self.root / f".unfinished-{result.name}"
        shutil.rmtree(unfinished, ignore_errors=True)  # of a build that was killed: we hold its lock
        unfinished.mkdir()
        try:
            build(unfinished)
            unfinished.rename(result)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        with (self.root / f".lock-{key}").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
