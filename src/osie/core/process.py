"""One door to other programs: argument lists, a clean environment, output kept for the error."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from osie.core.errors import OsieError

_KEPT = ("PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL_LINES = 12


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
    try:
        done = subprocess.run(
            words,
            input=input,
            stdin=(subprocess.DEVNULL if stdin is None else stdin) if input is None else None,
            capture_output=True,
            cwd=cwd,
            env=clean_environment(env),
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProcessError(
            f"{words[0]}: no such program on this host", hint="`osie doctor` says which package has it"
        ) from error
    except PermissionError as error:
        raise ProcessError(f"{words[0]}: may not be executed") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"`{shlex.join(words)}` did not end within {timeout_s:g} s") from error
    completed = Completed(
        words, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    if check and completed.returncode != 0:
        said = (completed.stderr.strip() or completed.stdout.strip()).splitlines()[-_TAIL_LINES:]
        tail = "".join(f"\n    {line}" for line in said)
        raise ProcessError(f"`{shlex.join(words)}` {_ending(completed)}{tail}", completed=completed)
    return completed
