"""What makes an action a program: how it ends, what it says last, and what SIGTERM does to it."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from types import FrameType
from typing import NoReturn

from osie.core.errors import OsieError

FAILED = 1
TERMINATED = 128 + signal.SIGTERM


class Terminated(BaseException):
    """SIGTERM arrived. Not an Exception: nothing but the clean-up on the way out may see it."""


def say(line: str) -> None:
    """Print a line of the action's log at once, in one piece: other threads print too."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def warn(line: str) -> None:
    """Print a line that an operator should see."""
    sys.stderr.write(f"WARNING: {line}\n")
    sys.stderr.flush()


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the clean-up may not be cut short by a second one
    raise Terminated


def told(error: OsieError) -> str:
    """The error and the hint, as one line. Each message holds the system's words already: causes add none."""
    line = " ".join(str(error).split())
    return f"{line} ({error.hint})" if error.hint else line


def start(action: Callable[[Mapping[str, str]], int]) -> NoReturn:
    """Run the action with the environment and exit with what it returns, 1 on an error, 143 on SIGTERM."""
    signal.signal(signal.SIGTERM, _terminate)  # as PID 1 of a container we'd otherwise not even notice it
    try:
        status = action(os.environ)
    except OsieError as error:
        print(f"ERROR: {told(error)}", file=sys.stderr, flush=True)
        status = FAILED
    except Terminated:
        print("ERROR: stopped by SIGTERM", file=sys.stderr, flush=True)
        status = TERMINATED
    except Exception as error:  # noqa: BLE001 - the last line must tell what happened, even of our own bugs
        traceback.print_exc()
        print(f"ERROR: unexpected: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        status = FAILED
    sys.stdout.flush()
    os._exit(status)  # not sys.exit: a thread that still waits for the network may not hold us up
