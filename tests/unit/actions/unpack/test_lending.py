"""Memory that a decoder may be lent: what the machine and the control groups leave."""

from pathlib import Path

import pytest

from osie.actions.unpack.lending import LEAST_BYTES, MOST_BYTES, lent_bytes

MIB = 1 << 20
KEPT = 256 * MIB


def machine(root: Path, available_mib: int, groups: str = "", **limits: int | str) -> Path:
    """A /proc and a /sys with these figures; a limit's name is its file's, `/` written `__`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {available_mib << 10} kB\n")
    (root / "proc/self/cgroup").write_text(groups)
    for name, value in limits.items():
        file = root / "sys/fs/cgroup" / name.replace("__", "/").replace("memory_", "memory.")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    return root


@pytest.mark.parametrize(
    ("available_mib", "lent"),
    [(100, LEAST_BYTES), (300, LEAST_BYTES), (1024, 768 * MIB), (1 << 20, MOST_BYTES)],
)
def test_the_machines_memory_decides(tmp_path: Path, available_mib: int, lent: int) -> None:
    """128 MiB in any case, 2 GiB at most; between, what is available less what the others need."""
    assert lent_bytes(machine(tmp_path, available_mib)) == lent


def test_a_containers_limit_decides(tmp_path: Path) -> None:
    """Of the groups above us (version 2) the one that leaves least; `max` is no limit."""
    root = machine(
        tmp_path, 8192, "0::/a/b\n",
        memory_max="max", memory_current=1,
        a__memory_max=600 * MIB, a__memory_current=100 * MIB,
        a__b__memory_max=900 * MIB, a__b__memory_current=100 * MIB,
    )  # fmt: skip
    assert lent_bytes(root) == 500 * MIB - KEPT


def test_an_older_containers_limit_decides(tmp_path: Path) -> None:
    """Version 1 has a tree for memory alone."""
    root = machine(
        tmp_path, 8192, "5:cpu:/x\n4:memory:/x\n",
        memory__x__memory_limit_in_bytes=700 * MIB, memory__x__memory_usage_in_bytes=0,
    )  # fmt: skip
    assert lent_bytes(root) == 700 * MIB - KEPT


def test_a_machine_that_tells_nothing_lends_the_least(tmp_path: Path) -> None:
    """No /proc."""
    assert lent_bytes(tmp_path) == LEAST_BYTES
