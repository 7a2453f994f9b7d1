"""Commands in a mounted system: what they need is put up around them, and taken down whatever ends them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from osie.actions import libc
from osie.actions.cexec.settings import Settings
from osie.actions.mounting import bound, mounted, private_namespace, temporary_files
from osie.actions.program import Terminated, say, warn
from osie.core.errors import OsieError

_BOUND = ("dev", "proc", "sys")
_GRACE_S = 5.0  # between SIGTERM and SIGKILL; the engine gives us 10
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
}


def _environment() -> dict[str, str]:
    """What the command sees: the action's own environment, but not what it says about our Python."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**ours, **_ENVIRONMENT}


class CommandError(OsieError):
    """The command can't be started."""


def execute(settings: Settings) -> int:
    """Run the commands and return the exit status of the last that ran. Raises OsieError where none could."""
    private_namespace()
    with mounted(settings.device, settings.kind) as root, ExitStack() as stack:
        if settings.chroot:
            stack.enter_context(_surroundings(root))
        if settings.resolv_conf:
            stack.enter_context(_resolv_conf(root))
        stack.callback(_end_left_behind, root)  # comes first on the way out: they keep the system busy
        status = 0
        for argv in settings.commands:
            status = _run(argv, root, chroot=settings.chroot)
            if status:
                break
    say(f"exit status {status}")
    return status


@contextmanager
def _surroundings(root: Path) -> Iterator[None]:
    """The kernel's file systems, and a /run that is forgotten afterwards."""
    with ExitStack() as stack:
        for name in (*_BOUND, "run"):
            target = root / name
            if target.is_symlink() or not target.is_dir():
                warn(f"the system has no folder /{name}: the command goes without")
            elif name == "run":
                stack.enter_context(temporary_files(str(target)))
            else:
                stack.enter_context(bound(f"/{name}", str(target)))
        yield


@contextmanager
def _resolv_conf(root: Path) -> Iterator[None]:
    """Show the command our own /etc/resolv.conf; the system's stays as it is below."""
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with ExitStack() as stack:
            try:
                target = _resolved(top, "/etc/resolv.conf")
            except FileNotFoundError:  # none, or a link to where nothing is yet
                etc = libc.open_in_root(top, "/etc", os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(os.close, etc)
                _stand_in(stack, etc, "resolv.conf", ".resolv.conf.osie")
                target = _resolved(top, "/etc/resolv.conf")
            stack.enter_context(bound("/etc/resolv.conf", target))
            yield
    except OSError as error:
        raise CommandError(f"can't show /etc/resolv.conf: {error.strerror}") from error
    finally:
        os.close(top)


def _resolved(top: int, path: str) -> str:
    """Where the path leads without leaving the open root, as a path without links of our own view."""
    descriptor = libc.open_in_root(top, path, os.O_PATH)
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    finally:
        os.close(descriptor)


def _stand_in(stack: ExitStack, etc: int, name: str, aside: str) -> None:
    """Put an empty file in the place of a missing one or a dangling link, until the stack unwinds."""
    dangling = True
    try:
        os.rename(name, aside, src_dir_fd=etc, dst_dir_fd=etc)
    except FileNotFoundError:
        dangling = False

    def restore() -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=etc)
        if dangling:
            os.rename(aside, name, src_dir_fd=etc, dst_dir_fd=etc)

    stack.callback(restore)
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=etc))


def _run(argv: tuple[str, ...], root: Path, *, chroot: bool) -> int:
    """Run one command to its end, its output going where ours goes; 128 + N where signal N ended it."""

    def enter() -> None:
        if chroot:
            os.chroot(root)
            os.chdir("/")

    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            cwd=root,
            env=_environment(),
            start_new_session=True,
            preexec_fn=enter,  # noqa: PLW1509 - safe: this process has one thread
        )
    except (OSError, subprocess.SubprocessError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise CommandError(f"can't run {argv[0]}: {why}") from error
    try:
        status = process.wait()
    except Terminated:
        _end(process)
        raise
    return status if status >= 0 else 128 - status


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, time to comply, SIGKILL."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _inside(root: Path) -> list[int]:
    """The processes whose root or working folder is in the mounted system."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        for link in ("root", "cwd"):
            try:
                place = (entry / link).readlink()
            except OSError:
                continue  # it has ended, or is a kernel thread
            if place == root or root in place.parents:
                found.append(int(entry.name))
                break
    return found


def _end_left_behind(root: Path) -> None:
    """Kill what a command left running in the background: the file system couldn't be unmounted."""
    deadline = time.monotonic() + _GRACE_S
    while (pids := _inside(root)) and time.monotonic() < deadline:
        for pid in pids:
            warn(f"ending process {pid}, which the command left behind")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
