"""Being told to end: SIGTERM and SIGHUP for every command, SIGINT for those that start programs in threads.

What was begun is undone on the way out, as by an exception, and the exit status says which signal it was.
"""

import signal
import threading
from types import FrameType

from osie.core import process


class Ended(KeyboardInterrupt):
    """A signal asked us to end; `status` is what to exit with, as a shell has it: 128 + its number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


def heed(*numbers: signal.Signals) -> None:
    """From now on, raise Ended in the main thread at these signals, unless they are ignored (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def status_of(error: BaseException) -> int:
    """What to exit with: click tells an interrupt as an Abort, with ours as its cause."""
    for each in (error, error.__cause__):
        if isinstance(each, Ended):
            return each.status
    return 128 + signal.SIGINT


def _end(number: int, _frame: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the clean-up may not be cut short
        signal.signal(each, signal.SIG_IGN)
    process.end_all()
    raise Ended(number)
