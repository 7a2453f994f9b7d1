"""Lock files: exclusive to one, or shared by many, and gone with the process, whatever ends it (flock(2))."""

import fcntl
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

_MANY = 65536  # descriptors


class Kept:
    """Shared locks that are kept until `drop`, or until nobody knows this object any more."""

    def __init__(self) -> None:
        self._descriptors: dict[Path, int] = {}
        allow_many()

    def keep(self, path: Path, descriptor: int) -> None:
        """Keep what `shared` returned for `path`, in place of what we had."""
        before = self._descriptors.pop(path, None)
        if self._descriptors.setdefault(path, descriptor) != descriptor:  # another thread was faster
            os.close(descriptor)
        if before is not None:
            os.close(before)

    def drop(self, path: Path) -> None:
        """Unlock `path`, where we have it."""
        if (descriptor := self._descriptors.pop(path, None)) is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        for path in list(self._descriptors):
            self.drop(path)


def shared(path: Path) -> int:
    """Lock `path`, waiting for who has it exclusively. It is locked until the descriptor is closed."""
    return _lock(path, fcntl.LOCK_SH)


def exclusive_if_free(path: Path) -> AbstractContextManager[bool]:
    """Have `path` for ourselves; False where somebody else has it in any way."""
    return _if_free(partial(_lock, path))


def alone_if_free(folder: Path) -> AbstractContextManager[bool]:
    """Have `folder`, which is there, for ourselves; False where somebody works in it by `alone_in`."""
    return _if_free(partial(_folder_lock, folder))


@contextmanager
def _if_free(lock: Callable[[int], int]) -> Iterator[bool]:
    try:
        descriptor = lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else who asks for it works in `folder`, which is there and stays."""
    descriptor = _folder_lock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _folder_lock(folder: Path, operation: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def allow_many() -> None:
    """Let the process open more files than the usual 1024, where it may: each lock and connection is one."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(most, _MANY) if most != resource.RLIM_INFINITY else _MANY
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _lock(path: Path, operation: int) -> int:
    """A descriptor that holds the lock. Who has a file exclusively may remove it: then it's made anew."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, operation)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
