"""Reboot: when the worker asks for it, by creating /worker/reboot. Nothing in it may hang."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run
from osie.ramdisk.docker_api import Docker
from osie.ramdisk.report import Reporter

REQUEST = Path("/worker/reboot")
_STEP_S = 30.0  # for each of the steps before the reset; a disk that hangs must not keep the machine


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


def reboot(reporter: Reporter, docker: Docker, stop_worker: Callable[[], None], reason: str) -> None:
    """End the worker and what it started, put everything on the disks, and reset the machine."""
    reporter.event("reboot", reason=reason)
    for action in (stop_worker, lambda: _stop_containers(docker), os.sync, _unmount, os.sync):
        _within(_STEP_S, action)
    run(["busybox", "reboot", "-f"], check=False, timeout_s=10)
    Path("/proc/sysrq-trigger").write_text("b")  # Documentation/admin-guide/sysrq.rst
