"""How a run ended, judged by what the engine tells, and the message that says it."""

import signal
from collections import deque
from collections.abc import Sequence

from osie.core.disk_space import DiskSpace
from osie.worker.action import Outcome, State
from osie.worker.runtime.engine import Container
from osie.worker.runtime.storage import explain, out_of_space

TAIL_LINES = 20
_LINE_CHARACTERS = 500  # of a line in a message; the whole line goes by telemetry


class Tail:
    """The last lines of a log."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, text: str) -> None:
        """Keep a line, and let the oldest go."""
        cut = text if len(text) <= _LINE_CHARACTERS else text[:_LINE_CHARACTERS] + " ..."
        self._lines.append(cut)

    @property
    def lines(self) -> Sequence[str]:
        """The lines kept, oldest first."""
        return tuple(self._lines)


def _exit(container: Container) -> str:
    """The exit code in words. Engines tell a signal as 128 plus its number, as shells do."""
    if container.out_of_memory:
        return f"exit code {container.exit_code} (killed: out of memory)"
    try:
        by = f" ({signal.Signals(container.exit_code - 128).name})" if container.exit_code > 128 else ""
    except ValueError:
        by = ""
    return f"exit code {container.exit_code}{by}"


def _last(tail: Sequence[str]) -> str:
    return "\n".join(["; last lines:", *tail]) if tail else "; it printed nothing"


def removed(*, ran_s: float, tail: Sequence[str], at: float) -> Outcome:
    """The outcome of a container that somebody else removed: how it ended nobody can tell any more."""
    why = f"the container was removed by another than the worker, after {ran_s:.1f}s"
    return Outcome(State.FAILED, f"{why}{_last(tail)}", at)


def judge(
    container: Container, *, ran_s: float, timeout_s: int, stopped: bool, tail: Sequence[str], room: DiskSpace
) -> Outcome:
    """The outcome of a container that isn't running, after `ran_s`.

    `stopped`: this worker ended it, because its time was over. A worker that did so may have died before its
    report; the next one sees it by the time that the container ran.
    `room`: in the engine's storage, while the container is still there. It may also be a disk that is full.
    """
    last = _last(tail)
    if stopped or 0 < timeout_s <= ran_s:
        return Outcome(
            State.TIMEOUT, f"stopped after its timeout of {timeout_s} s{last}", container.finished_at
        )
    if container.exit_code == 0:
        return Outcome(State.SUCCESS, f"exit code 0 in {ran_s:.1f}s", container.finished_at)
    full = f", {explain(room)}" if room.is_full and any(map(out_of_space, tail)) else ""
    return Outcome(State.FAILED, f"{_exit(container)} after {ran_s:.1f}s{full}{last}", container.finished_at)
