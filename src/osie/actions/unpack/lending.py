"""How much memory a decoder is lent for its window (zstd) or dictionary (xz).

128 MiB in any case: more than any tool takes unasked. Above that it depends on what is there: the machine's
MemAvailable (proc(5)) and the limits of the control groups that we are in (cgroups(7)), less what the rest of
the action and of the machine need.
"""

from pathlib import Path

LEAST_BYTES = 1 << 27
MOST_BYTES = 1 << 31  # zstd's largest window (zstd.h, ZSTD_WINDOWLOG_MAX); xz' dictionary may have twice that
_KEPT_BYTES = 256 << 20


def lent_bytes(root: Path = Path("/")) -> int:
    """So many bytes. `root`: where /proc and /sys are."""
    room = min([_available(root), *_left_in_groups(root)])
    return max(LEAST_BYTES, min(MOST_BYTES, room - _KEPT_BYTES))


def _available(root: Path) -> int:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) << 10
    return 0


def _left_in_groups(root: Path) -> list[int]:
    """What each control group above us still allows, of either version."""
    left = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            folder = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = folder / path.lstrip("/")
        for place in [group, *group.parents][: len(group.parts) - len(folder.parts) + 1]:
            most, used = (_text(place / name).strip() for name in names)
            if most.isdecimal() and used.isdecimal():
                left.append(int(most) - int(used))
    return left


def _text(path: Path) -> str:
    """The file's; nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
