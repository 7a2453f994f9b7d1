"""The two ends of a disk, without which nothing on it boots: in which order they are erased and written.

The first sector is the first to go and the last to come, each with a flush of its own: a disk that loses
power may keep some sectors of a write and lose others.
"""

from collections.abc import Sequence

from osie.actions.disk.device import Device, insist, read, write_all

END_BYTES = 1 << 20  # of each; covers MBR, GPT and GRUB's core at the front, the GPT's backup at the back
End = tuple[int, bytes]  # where it belongs on the disk, and its bytes


def erase(disk: Device, whole: int) -> None:
    """Zero both ends of the disk's `whole` bytes, durably. Raises OSError."""
    end = memoryview(bytes(min(END_BYTES, whole)))
    write_all(end[: disk.sector], 0, disk.pwrite)
    insist(disk.fsync)
    for start in (0, whole - len(end)):
        write_all(end, start, disk.pwrite)
    insist(disk.fsync)


def steps(ends: Sequence[End], sector: int) -> list[End]:
    """What to write in which order. The first of the ends is the front end."""
    front, *back = ends or ((0, b""),)
    return [*back, (sector, front[1][sector:]), (0, front[1][:sector])]


def put(disk: Device, end: End) -> bool:
    """Write it durably; whether the device gives the same bytes back. Raises OSError."""
    start, data = end
    write_all(memoryview(data), start, disk.pwrite)
    insist(disk.fsync)
    return read(disk, start, len(data)) == data
