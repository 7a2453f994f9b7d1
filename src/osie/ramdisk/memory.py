"""How much memory is in use, and the most there ever was, to size machines by; and who dies last."""

from pathlib import Path

from osie.ramdisk.machine import meminfo_mib
from osie.ramdisk.report import Reporter

_WORTH_SAYING_MIB = 16  # how far the peak must rise to be said again
_KEPT_MIB = 96  # for the programs' code, once the engine is up
_PARENTS = ("docker", "libpod_parent")  # the cgroups that Docker and Podman make containers' cgroups in
_OURS = -900  # of -1000 (never) to 1000 (first), see proc(5); an action's container is at 500


def go_last(own: Path = Path("/proc/self/oom_score_adj")) -> None:
    """Have the kernel end actions, not us, where memory is used up. It never ends PID 1.

    What we start, such as the engine, inherits it.
    """
    own.write_text(str(_OURS))


def bound_containers(meminfo: Path = Path("/proc/meminfo"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
    """Leave some memory to what runs the machine: all containers together get the rest of what is free now.

    Without a bound the kernel drops everybody's code first, and reads it from the compressed root again and
    again, for minutes, before it ends the action that took the memory.
    Source: the kernel's Documentation/admin-guide/cgroup-v2.rst.
    """
    limit_mib = meminfo_mib(meminfo.read_text())["MemAvailable"] - _KEPT_MIB
    (cgroups / "cgroup.subtree_control").write_text("+memory")
    for name in _PARENTS:
        (cgroups / name).mkdir(exist_ok=True)
        bound = cgroups / name / "memory.max"
        if not bound.exists() or bound.read_text().strip() == "max":  # else an earlier run of ours was here
            bound.write_text(f"{limit_mib}M")


class MemoryWatch:
    """Samples MemTotal - MemAvailable: what can't be had without dropping something that is needed."""

    def __init__(self, reporter: Reporter, meminfo: Path = Path("/proc/meminfo")) -> None:
        self._reporter = reporter
        self._meminfo = meminfo
        self._peak_mib = 0
        self._said_mib = 0

    def sample(self) -> None:
        """Look, and say it where the peak rose enough."""
        used, total = self._used_and_total()
        if self._peak_mib >= self._said_mib + _WORTH_SAYING_MIB:
            self._say(used, total)

    def conclude(self) -> None:
        """Say it now, whatever it is."""
        self._say(*self._used_and_total())

    def _used_and_total(self) -> tuple[int, int]:
        now = meminfo_mib(self._meminfo.read_text())
        total = now.get("MemTotal", 0)
        used = total - now.get("MemAvailable", 0)
        self._peak_mib = max(self._peak_mib, used)
        return used, total

    def _say(self, used: int, total: int) -> None:
        self._said_mib = self._peak_mib
        self._reporter.event("memory", used_mib=used, peak_used_mib=self._peak_mib, total_mib=total)
