"""What an action asks of the ramdisk: a file in the folder that the ramdisk shares with its containers."""

from pathlib import Path

from osie.actions.environment import Environment
from osie.actions.program import say
from osie.contracts import requests
from osie.core.errors import OsieError
from osie.core.files import write_atomically


class AskError(OsieError):
    """Nobody would see the request."""


def folder(environment: Environment) -> Path:
    """The shared folder: /worker, unless WORKER_FOLDER names another."""
    return Path(environment.path("WORKER_FOLDER", str(requests.FOLDER)))


def _is_mounted(path: Path, mountinfo: str) -> bool:
    """Whether something is mounted there; os.path.ismount can't see a bind of the same file system."""
    return any(line.split()[4] == str(path) for line in mountinfo.splitlines())


def check(shared: Path, what: str) -> None:
    """Raise AskError where the folder isn't the ramdisk's."""
    if not shared.is_dir() or not _is_mounted(shared, Path("/proc/self/mountinfo").read_text()):
        raise AskError(
            f"{shared} is not shared with this container: a {what} asked for here is seen by nobody",
            hint=f"the worker mounts {shared} into each action",
        )


def ask(shared: Path, what: str) -> None:
    """Make the file named `what`, durably. Raises AskError."""
    check(shared, what)
    request = shared / what
    try:
        write_atomically(request, "")
    except OSError as error:
        raise AskError(f"can't make {request}: {error.strerror}") from error
    say(f"asked for a {what} ({request})")
