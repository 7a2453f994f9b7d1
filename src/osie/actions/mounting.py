"""Mounts that go away again: in a mount namespace of our own, each a context manager.

The namespace is the net below the context managers: even where we are killed, the kernel unmounts.
"""

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from osie.actions import libc
from osie.actions.disk.block_device import wait_for_node
from osie.core.errors import OsieError

_BUSY_S = 5.0  # udev may still be looking at a file system that was just mounted


class MountError(OsieError):
    """A file system can't be mounted or unmounted."""


def private_namespace() -> None:
    """Leave the mount namespace we were started in: what we mount nobody else sees."""
    try:
        libc.unshare(libc.CLONE_NEWNS)
        libc.mount("none", "/", "", libc.MS_REC | libc.MS_PRIVATE)
    except OSError as error:
        raise MountError(
            f"can't make a mount namespace: {error.strerror}", hint="the container must be privileged"
        ) from error


def _unmount(target: Path) -> None:
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            libc.umount(str(target))
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                libc.umount(str(target), libc.MNT_DETACH)
                raise MountError(f"can't unmount {target}: {error.strerror}") from error
            time.sleep(0.05)
        else:
            return


@contextmanager
def mounted(device: str, kind: str, *, flags: int = 0, options: str = "") -> Iterator[Path]:
    """Mount the device's file system at a folder of its own and return that; synced and unmounted at the end.

    Call `private_namespace` first. A device that isn't there yet, such as a partition that was just made,
    is waited for. Raises MountError.
    """
    wait_for_node(device)
    target = Path(tempfile.mkdtemp(prefix="osie-"))
    try:
        try:
            libc.mount(device, str(target), kind, flags, options)
        except OSError as error:
            why = "not known to this kernel" if error.errno == errno.ENODEV else error.strerror
            raise MountError(f"can't mount {device} as {kind}: {why}") from error
        try:
            yield target
        finally:
            _sync_and_unmount(target, device)
    finally:
        target.rmdir()


def _sync_and_unmount(target: Path, device: str) -> None:
    try:
        sync(target, device)
    finally:
        _unmount(target)


def sync(target: Path, device: str) -> None:
    """Make durable what was written to the device's file system, mounted at `target`. Raises MountError."""
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        libc.syncfs(descriptor)
    except OSError as error:
        raise MountError(f"what was written to {device} isn't durable: {error.strerror}") from error
    finally:
        os.close(descriptor)


@contextmanager
def bound(source: str, target: str) -> Iterator[None]:
    """Show `source`, with all that is mounted below it, at `target` too."""
    try:
        libc.mount(source, target, "", libc.MS_BIND | libc.MS_REC)
    except OSError as error:
        raise MountError(f"can't show {source} at {target}: {error.strerror}") from error
    try:
        yield
    finally:
        libc.umount(target, libc.MNT_DETACH)  # with the mounts below it


@contextmanager
def temporary_files(target: str) -> Iterator[None]:
    """An empty file system in memory at `target`."""
    try:
        libc.mount("tmpfs", target, "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, "mode=0755")
    except OSError as error:
        raise MountError(f"can't mount a tmpfs at {target}: {error.strerror}") from error
    try:
        yield
    finally:
        libc.umount(target, libc.MNT_DETACH)
