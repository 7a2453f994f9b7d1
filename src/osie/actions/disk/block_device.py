"""Block devices: finding, claiming, asking and re-reading them."""

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from pathlib import Path
from typing import NamedTuple

from osie.actions import libc
from osie.actions.disk.device import write_all
from osie.core.errors import OsieError

_BLKRRPART, _BLKFLSBUF = 0x125F, 0x1261  # linux/fs.h
_BLKROGET, _BLKSSZGET, _BLKZEROOUT = 0x125E, 0x1268, 0x127F
_HOLE = libc.FALLOC_FL_PUNCH_HOLE | libc.FALLOC_FL_KEEP_SIZE
_NODE_S = 10.0  # how long a node may take from the kernel to udev to us
_POLL_S = 0.05


class DeviceError(OsieError):
    """A disk isn't there, isn't fit, or is in use."""


def wait_for_node(path: str, *, timeout_s: float = _NODE_S) -> None:
    """Return when `path` exists. Raises DeviceError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    if not Path(path).exists():
        print(f"waiting for {path}", flush=True)
    while not Path(path).exists():
        if time.monotonic() > deadline:
            near = sorted(str(p) for p in Path(path).parent.glob(f"{Path(path).name[:2]}*"))[:8]
            there = f"there are: {', '.join(near)}" if near else ""
            raise DeviceError(f"{path} doesn't exist (waited {timeout_s:g} s)", hint=there)
        time.sleep(_POLL_S)


class Claimed(NamedTuple):
    """A disk (or a regular file in its stead) that is open for writing, and that nobody else has claimed.

    It is a `device.Device`.
    """

    path: Path  # where links lead to
    descriptor: int  # for writing, through the page cache; holds the claim
    direct: int  # past the page cache, where it can be passed: for reading, and a block device for writing
    size: int | None  # None: a regular file, which grows
    sector: int  # bytes, logical

    @property
    def is_block(self) -> bool:
        """Whether this is a block device."""
        return self.size is not None

    def pwrite(self, data: memoryview, offset: int) -> int:
        """pwrite(2), past the page cache where the device takes offset, length and memory so (O_DIRECT)."""
        if self.is_block and offset % mmap.PAGESIZE == len(data) % mmap.PAGESIZE == 0:
            try:
                return os.pwrite(self.direct, data, offset)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
        return os.pwrite(self.descriptor, data, offset)

    def pread(self, into: memoryview, offset: int) -> int:
        """preadv(2) with O_DIRECT, or with the range dropped from the page cache first."""
        if not fcntl.fcntl(self.direct, fcntl.F_GETFL) & os.O_DIRECT:
            self._drop_cache(offset, len(into))
        return os.preadv(self.direct, [into], offset)

    def _drop_cache(self, start: int, length: int) -> None:
        if self.is_block:
            fcntl.ioctl(self.direct, _BLKFLSBUF, 0)
        else:
            os.posix_fadvise(self.direct, start, length, os.POSIX_FADV_DONTNEED)

    def zero(self, start: int, length: int) -> None:
        """Make the range read as zeroes: the device's own command where it has one, else written ones."""
        if self.is_block:
            fcntl.ioctl(self.descriptor, _BLKZEROOUT, struct.pack("=QQ", start, length))
            return
        try:
            libc.fallocate(self.descriptor, _HOLE, start, length)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            write_all(memoryview(bytes(length)), start, self.pwrite)

    def truncate(self, size: int) -> None:
        """ftruncate(2)."""
        os.ftruncate(self.descriptor, size)

    def fsync(self) -> None:
        """fsync(2)."""
        os.fsync(self.descriptor)

    def forget(self, start: int, length: int) -> None:
        """posix_fadvise(2): begins to write what is dirty, and drops what is written (mm/fadvise.c)."""
        os.posix_fadvise(self.descriptor, start, length, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.direct)
        os.close(self.descriptor)


def users(number: str) -> str:
    """What claims the device MAJOR:MINOR or a part of it, as far as we can see: a sentence's end."""
    disk = Path("/sys/dev/block", number)
    numbers = {number: disk.resolve().name}
    numbers |= {p.read_text().strip(): p.parent.name for p in disk.glob("*/dev")}
    found = [
        f"{h.parent.parent.name} by {h.name}" for h in (*disk.glob("holders/*"), *disk.glob("*/holders/*"))
    ]
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        if words[2] in numbers:
            what = ", the system that we run from" if words[4] == "/" else ""
            found.append(f"{numbers[words[2]]} mounted at {words[4]}{what}")
    return f": {', '.join(found)}" if found else " (mounted, or part of a RAID, LVM or swap)"


def claim(name: str) -> Claimed:
    """Open the disk for writing, alone. O_EXCL fails where it or a partition of it is mounted (open(2)).

    A regular file is emptied only by who writes to it, not here. Raises DeviceError.
    """
    wait_for_node(name)
    path = Path(name).resolve()
    status = path.stat()
    is_block = stat.S_ISBLK(status.st_mode)
    if not is_block and not stat.S_ISREG(status.st_mode):
        raise DeviceError(f"{name} is neither a block device nor a regular file")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | (os.O_EXCL if is_block else 0))
    except OSError as error:
        if error.errno == errno.EBUSY:
            number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
            raise DeviceError(f"{name} is in use{users(number)}") from error
        raise DeviceError(f"can't open {name} for writing: {error.strerror}") from error
    try:
        return _measured(name, path, descriptor) if is_block else _opened(path, descriptor, None, 512)
    except BaseException:
        os.close(descriptor)
        raise


def _measured(name: str, path: Path, descriptor: int) -> Claimed:
    if _asked(descriptor, _BLKROGET):
        raise DeviceError(f"{name} is read-only")
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size == 0:
        raise DeviceError(f"{name} has no size: no medium in it?")
    return _opened(path, descriptor, size, _asked(descriptor, _BLKSSZGET))


def _opened(path: Path, descriptor: int, size: int | None, sector: int) -> Claimed:
    """Open it a second time, past the page cache. Not every file system knows O_DIRECT (open(2))."""
    flags = (os.O_RDONLY if size is None else os.O_RDWR) | os.O_CLOEXEC
    try:
        try:
            direct = os.open(path, flags | os.O_DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            direct = os.open(path, flags)
    except OSError as error:
        raise DeviceError(f"can't open {path} a second time: {error.strerror}") from error
    return Claimed(path, descriptor, direct, size, sector)


def _asked(descriptor: int, request: int) -> int:
    answer: int = struct.unpack("i", fcntl.ioctl(descriptor, request, struct.pack("i", 0)))[0]
    return answer


def reread_partitions(disk: Claimed, *, timeout_s: float = _NODE_S) -> list[str]:
    """Have the kernel read the partition table again and return the partitions' nodes once they are there.

    Raises DeviceError where the kernel refuses: later steps would see the partitions of before.
    """
    sysfs = Path("/sys/class/block", disk.path.name)
    if not disk.is_block or (sysfs / "partition").exists():
        return []
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.ioctl(disk.descriptor, _BLKRRPART)
            break
        except OSError as error:
            if error.errno == errno.EINVAL:  # a device that can't have partitions
                return []
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise DeviceError(
                    f"the kernel doesn't re-read the partition table of {disk.path}: {error.strerror}"
                ) from error
            time.sleep(_POLL_S)  # udev has a partition open for a moment, after each write that ended
    names = sorted(p.parent.name for p in sysfs.glob("*/partition"))
    nodes = [str(disk.path.with_name(name)) for name in names]
    for node in nodes:
        wait_for_node(node, timeout_s=timeout_s)
    return nodes
