"""The request for a reboot: the file `reboot` in the folder that the ramdisk shares with its containers."""

from collections.abc import Mapping
from pathlib import Path

from osie.actions.environment import Environment
from osie.actions.program import say
from osie.core.errors import OsieError
from osie.core.files import write_atomically


class RebootError(OsieError):
    """Nobody would see the request."""


def read(variables: Mapping[str, str]) -> Path:
    """The shared folder: /worker, unless WORKER_FOLDER names another. Raises SettingsError."""
    environment = Environment(variables)
    if "WORKER_FOLDER" not in variables:
        return Path("/worker")
    path = environment.path("WORKER_FOLDER")
    environment.check()
    return Path(path)


def _is_mounted(path: Path, mountinfo: str) -> bool:
    """Whether something is mounted there; os.path.ismount can't see a bind of the same file system."""
    return any(line.split()[4] == str(path) for line in mountinfo.splitlines())


def ask(shared: Path) -> int:
    """Make the file, durably. Returns 0; raises RebootError where the folder isn't the ramdisk's."""
    if not shared.is_dir() or not _is_mounted(shared, Path("/proc/self/mountinfo").read_text()):
        raise RebootError(
            f"{shared} is not shared with this container: a reboot asked for here is seen by nobody",
            hint=f"the worker mounts {shared} into each action",
        )
    request = shared / "reboot"
    try:
        write_atomically(request, "")
    except OSError as error:
        raise RebootError(f"can't make {request}: {error.strerror}") from error
    say(f"asked for a reboot ({request})")
    return 0
