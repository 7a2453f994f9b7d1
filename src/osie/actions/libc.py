"""The system calls that Python 3.11 has no name for, by ctypes; each raises OSError as the os module does."""

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

_libc = ctypes.CDLL(None, use_errno=True)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
CLONE_NEWNS = 0x20000
KEXEC_FILE_UNLOAD, KEXEC_FILE_NO_INITRAMFS = 0x1, 0x4  # linux/kexec.h
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 0x1, 0x2  # linux/falloc.h

# linux/openat2.h: resolve ".." and symlinks as if the folder were the root, and never through /proc's links
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 32 << 20  # the most that glibc takes for the thresholds
_SYS_OPENAT2 = 437  # the same number on every architecture
_OPEN_TRIES = 1000  # each takes microseconds
_SYS_KEXEC_FILE_LOAD = {"x86_64": 320, "aarch64": 294}


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _checked(result: int, path: str = "") -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path or None)
    return result


def keep_memory_together() -> None:
    """Have all threads allocate from one arena (each of its own keeps what others could use), and use again
    what was freed, not map each piece of 1 MiB anew: that costs zstd and lz4 a third of their speed.
    To be called before there are threads. mallopt(3).
    """
    settings = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _KEPT_BYTES), (_M_TRIM_THRESHOLD, _KEPT_BYTES))
    for name, value in settings:
        _libc.mallopt(ctypes.c_int(name), ctypes.c_int(value))


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode() or None)
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() or None), source)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), target)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def syncfs(descriptor: int) -> None:
    """syncfs(2): everything of this file system is on its device."""
    _checked(_libc.syncfs(ctypes.c_int(descriptor)))


def fallocate(descriptor: int, mode: int, start: int, length: int) -> None:
    """fallocate(2), which the os module has without a mode."""
    _checked(
        _libc.fallocate(
            ctypes.c_int(descriptor), ctypes.c_int(mode), ctypes.c_int64(start), ctypes.c_int64(length)
        )
    )


def open_in_root(root: int, path: str, flags: int) -> int:
    """openat2(2) with RESOLVE_IN_ROOT: `path` as a process that was chrooted into folder `root` sees it.

    A rename or a mount anywhere on the machine meanwhile makes `..` uncertain, and the kernel says EAGAIN:
    then it's asked again, as the manual page advises.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    number = ctypes.c_long(_SYS_OPENAT2)
    for _ in range(_OPEN_TRIES):
        with contextlib.suppress(BlockingIOError):  # EAGAIN
            return _checked(
                _libc.syscall(number, ctypes.c_int(root), os.fsencode(path), ctypes.byref(how), size), path
            )
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


def kexec_file_load(kernel: int, ramdisk: int, command_line: str, flags: int = 0) -> None:
    """kexec_file_load(2): the open files and the command line become what a jump starts."""
    number = _SYS_KEXEC_FILE_LOAD.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    text = os.fsencode(command_line) + b"\0"
    length = ctypes.c_ulong(len(text) if command_line else 0)
    _checked(
        _libc.syscall(
            ctypes.c_long(number),
            ctypes.c_int(kernel),
            ctypes.c_int(ramdisk),
            length,
            text if command_line else None,
            ctypes.c_ulong(flags),
        )
    )


@contextmanager
def opened(descriptor: int) -> Iterator[int]:
    """The descriptor, closed after the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)
