"""One door to other programs: argument lists, a clean environment, output kept for the error."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from osie.core.errors import OsieError

_KEPT = ("PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL_LINES = 12
_STOP_S = 5.0  # how long a program has to clean up once it's told to end


class Completed(NamedTuple):
    """A program that ended; `stdout` and `stderr` are text with undecodable bytes replaced."""

    argv: tuple[str, ...]
    returncode: int  # negative: ended by that signal
    stdout: str
    stderr: str


class ProcessError(OsieError):
    """A program is missing, failed, was killed or took too long."""

    def __init__(self, message: str, *, hint: str = "", completed: Completed | None = None) -> None:
        super().__init__(message, hint=hint)
        self.completed = completed


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child may know of our environment, in the C locale, so that its messages can be read."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    kept.setdefault("PATH", _DEFAULT_PATH)
    for sbin in ("/usr/sbin", "/sbin"):
        if sbin not in kept["PATH"].split(":"):
            kept["PATH"] += f":{sbin}"
    return {**kept, "LC_ALL": "C.UTF-8", **(extra or {})}


class _Running:
    """The programs that run now, for all threads: who is told to end ends them first."""

    def __init__(self) -> None:
        self._children: set[subprocess.Popen[bytes]] = set()
        self._ending = False

    @contextmanager
    def started(self, argv: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Start one; where the block is left early, it is asked to end, and has a while to clean up."""
        if self._ending:
            raise ProcessError(f"`{shlex.join(argv)}` isn't started: we were told to end")
        with subprocess.Popen(argv, **options) as child:
            self._children.add(child)
            if self._ending:  # told just now
                child.terminate()
            try:
                yield child
            except BaseException:
                _stop(child)
                raise
            finally:
                self._children.discard(child)

    def end(self) -> None:
        self._ending = True
        for child in tuple(self._children):
            child.terminate()


_RUNNING = _Running()


def end_all() -> None:
    """Ask all programs that `run` has started, in any thread, to end, and start no more: we end as well."""
    _RUNNING.end()


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()


def _ending(completed: Completed) -> str:
    code = completed.returncode
    if code >= 0:
        return f"failed with exit status {code}"
    return (
        f"was ended by {signal.Signals(-code).name}"
        if -code in set(signal.Signals)
        else f"was ended by signal {-code}"
    )


def run(
    argv: Sequence[str | Path],
    *,
    input: bytes | None = None,
    stdin: IO[bytes] | int | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    check: bool = True,
) -> Completed:
    """Run `argv` to its end and return what it printed.

    Raises ProcessError where the program is missing or exceeds `timeout_s`, and where it fails, unless
    `check` is False.
    """
    words = tuple(str(word) for word in argv)
    given = subprocess.PIPE if input is not None else subprocess.DEVNULL if stdin is None else stdin
    try:
        with _RUNNING.started(
            words,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=clean_environment(env),
        ) as child:
            stdout, stderr = child.communicate(input, timeout_s)
    except FileNotFoundError as error:
        raise ProcessError(
            f"{words[0]}: no such program on this host", hint="`osie doctor` says which package has it"
        ) from error
    except PermissionError as error:
        raise ProcessError(f"{words[0]}: may not be executed") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"`{shlex.join(words)}` did not end within {timeout_s:g} s") from error
    completed = Completed(
        words, child.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace")
    )
    if check and completed.returncode != 0:
        said = (completed.stderr.strip() or completed.stdout.strip()).splitlines()[-_TAIL_LINES:]
        tail = "".join(f"\n    {line}" for line in said)
        raise ProcessError(f"`{shlex.join(words)}` {_ending(completed)}{tail}", completed=completed)
    return completed
