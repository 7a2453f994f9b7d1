"""Which disk DEST_DISK means: a path as it is, or the one disk that fits all hints."""

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from osie.actions.disk.block_device import DeviceError, users
from osie.actions.disk.hints import Hints, parse
from osie.actions.disk.inventory import Disk, disks

_APPEARS_S = 10.0  # how long a disk may take to be found
_POLL_S = 0.2


def choose(
    wanted: str,
    *,
    seen: Callable[[], Sequence[Disk]] = disks,
    in_use: Callable[[Disk], str] | None = None,
    timeout_s: float = _APPEARS_S,
) -> Path:
    """The disk's node. `wanted` is a path, which isn't looked at here, or hints.

    A disk that fits none of the hints yet is waited for. Raises DeviceError, which lists the disks that there
    are and why each was passed over. `seen` and `in_use` ask the machine.
    """
    if wanted.startswith("/"):
        return Path(wanted)
    try:
        hints = parse(wanted)
    except ValueError as error:
        raise DeviceError(f"DEST_DISK {error}") from None
    deadline = time.monotonic() + timeout_s
    while True:
        fitting, passed_over = _sorted_out(hints, seen(), in_use or used)
        if len(fitting) == 1 or (fitting and hints.rank):
            return _ranked(hints.rank, fitting).node
        if fitting:
            raise _several(wanted, fitting, passed_over)
        if time.monotonic() > deadline:
            raise _none(wanted, passed_over)
        time.sleep(_POLL_S)


def used(disk: Disk) -> str:
    """What uses the disk or a part of it; empty where nothing does. O_EXCL tells (open(2))."""
    try:
        os.close(os.open(disk.node, os.O_RDONLY | os.O_CLOEXEC | os.O_EXCL))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return f"it is in use{users(disk.number)}"
        return f"it can't be opened: {error.strerror}"
    return ""


def _sorted_out(
    hints: Hints, seen: Sequence[Disk], in_use: Callable[[Disk], str]
) -> tuple[list[Disk], list[str]]:
    """The disks that fit, and of each other one why it doesn't."""
    fitting, passed_over = [], []
    for disk in seen:
        unfit = [text for hint in hints.hints if (text := hint.mismatch(disk))]
        why = ", ".join(unfit) or _objection(disk, named=hints.name_one) or in_use(disk)
        if why:
            passed_over.append(f"{disk.describe()}: {why}")
        else:
            fitting.append(disk)
    return fitting, passed_over


def _objection(disk: Disk, *, named: bool) -> str:
    """Why a disk is never chosen; a removable one is where a hint names it, and not just its kind."""
    if disk.size == 0:
        return "it has no medium"
    if disk.read_only:
        return "it is read-only"
    if disk.zoned:
        return "it is zoned: it can't be written at will"
    if disk.removable and not named:
        return "it is removable"
    return ""


def _ranked(rank: str, fitting: Sequence[Disk]) -> Disk:
    return min(fitting, key=lambda disk: disk.size) if rank == "smallest" else fitting[0]


def _none(wanted: str, passed_over: Sequence[str]) -> DeviceError:
    if not passed_over:
        return DeviceError(
            f"no disk for DEST_DISK={wanted}: the machine has none",
            hint="their controller may want a driver, or an array to be made of them first",
        )
    return DeviceError(f"no disk fits DEST_DISK={wanted}; there are: {'; '.join(passed_over)}")


def _several(wanted: str, fitting: Sequence[Disk], passed_over: Sequence[str]) -> DeviceError:
    others = f"; passed over: {'; '.join(passed_over)}" if passed_over else ""
    return DeviceError(
        f"{len(fitting)} disks fit DEST_DISK={wanted}: {', '.join(d.describe() for d in fitting)}{others}",
        hint="add a hint that tells them apart, or `smallest` or `first`",
    )
