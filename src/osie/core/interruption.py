"""Requests to end (SIGINT, SIGTERM, SIGHUP) are exceptions, so that what is open is closed on the way out.

`heed` is for a whole command, whose programs run in threads too; `terminable` for what asyncio runs and has
programs to run on its way out.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from osie.core import process

_numbers: list[int] = []  # of the signals that came, in this process


def status() -> int:
    """What to exit with, as a shell has it: 128 and the number of the signal that came first."""
    return 128 + (_numbers or [signal.SIGINT])[0]


def heed(*numbers: signal.Signals) -> None:
    """Have these signals raise KeyboardInterrupt in the main thread, unless they are ignored (nohup(1)).

    Programs that `process.run` has started, in any thread, are asked to end, and no more are started.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    _numbers.append(number)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the clean-up may not be cut short
        signal.signal(each, signal.SIG_IGN)
    process.end_all()
    raise KeyboardInterrupt


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP do what SIGINT does here: KeyboardInterrupt, or under asyncio.run a cancelled task.

    Where asyncio.run runs a coroutine, enter it there: only then has asyncio set its handler for SIGINT.
    What a terminal's Ctrl-C would reach of our children gets a SIGTERM, too. An error that such a child's end
    makes of a task which is cancelled already is no error: the task ends as cancelled. A signal that is
    ignored, as by nohup(1), stays so.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    if not callable(interrupt):  # ignored, as in a shell's background job
        interrupt = signal.default_int_handler

    def asked(number: int, frame: FrameType | None) -> None:
        _numbers.append(number)
        for child in list(_children(os.getpid())):  # all first: those of a dead one can't be found any more
            with suppress(ProcessLookupError):
                if os.getpgid(child) == os.getpgrp():
                    os.kill(child, signal.SIGTERM)
        interrupt(number, frame)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, asked) for number in heeded}
    try:
        yield
    except Exception:
        _raise_if_cancelled()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_if_cancelled() -> None:
    import asyncio  # noqa: PLC0415 - takes longer than the rest of a command's start

    with suppress(RuntimeError):  # there is no loop
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


def _children(process: int) -> Iterator[int]:
    """The processes that it started, and those that they did (proc_pid_task_children(5))."""
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in listed.read_text().split():
                yield int(child)
                yield from _children(int(child))
