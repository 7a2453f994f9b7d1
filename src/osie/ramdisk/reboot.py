"""Reboot and kexec: when an action asks, by creating /worker/reboot or /worker/kexec. Nothing may hang."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run
from osie.ramdisk.docker_api import Docker
from osie.ramdisk.report import Reporter

_LOADED = Path("/sys/kernel/kexec_loaded")
_STEP_S = 30.0  # for each of the steps before the reset; a disk that hangs must not keep the machine
_JUMP_S = 60.0  # for all drivers to let go of their devices
_RESET_S = 10.0
_REBOOT_CMD_KEXEC = 0x45584543  # linux/reboot.h


def on_disks(mounts: str) -> list[str]:
    """The mount points in /proc/mounts that lie on block devices, the deepest first; not our own root."""
    found = []
    for row in mounts.splitlines():
        device, target, *_ = row.split(" ")
        if device.startswith("/dev/") and target != "/":
            found.append(target.encode().decode("unicode_escape"))  # \040 is a blank, see proc(5)
    return sorted(found, key=lambda target: target.count("/"), reverse=True)


def _within(deadline_s: float, action: Callable[[], object]) -> None:
    """Do the action in a thread of its own, and wait for it no longer than that."""

    def tolerant() -> None:
        # it is the last thing that this machine does; the reset comes all the same
        with contextlib.suppress(OsieError, OSError):
            action()

    thread = threading.Thread(target=tolerant, daemon=True)
    thread.start()
    thread.join(deadline_s)


def _stop_containers(docker: Docker) -> None:
    for container in docker.running():
        docker.stop(container, 2)


def _unmount() -> None:
    for target in on_disks(Path("/proc/mounts").read_text()):
        run(["umount", target], check=False, timeout_s=10)


def _jump() -> None:
    """Start the kernel that an action has loaded. Returns only where that failed: reboot(2)."""
    import ctypes  # noqa: PLC0415 - a booting machine can do without it

    ctypes.CDLL(None, use_errno=True).reboot(ctypes.c_int(_REBOOT_CMD_KEXEC))


def _is_loaded() -> bool:
    try:
        return _LOADED.read_text().strip() == "1"
    except OSError:  # a kernel without kexec
        return False


def reboot(
    reporter: Reporter, docker: Docker, stop_worker: Callable[[], None], reason: str, *, kexec: bool = False
) -> None:
    """End the worker and what it started, put everything on the disks, and reset the machine.

    With `kexec`, jump into the kernel that was loaded instead; where that fails, the machine is reset.
    """
    reporter.event("kexec" if kexec else "reboot", reason=reason)
    for action in (stop_worker, lambda: _stop_containers(docker), os.sync, _unmount, os.sync):
        _within(_STEP_S, action)
    if kexec:
        if _is_loaded():
            _within(_JUMP_S, _jump)
            why = "the loaded kernel did not start"
        else:
            why = "no kernel is loaded"
        reporter.event("reboot", reason=f"{why}: the machine is reset instead")
    _within(_RESET_S, lambda: run(["busybox", "reboot", "-f"], check=False))
    Path("/proc/sysrq-trigger").write_text("b")  # Documentation/admin-guide/sysrq.rst
