"""Signals become exceptions, so that what is open is closed on the way out."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP do what SIGINT does here: KeyboardInterrupt, or under asyncio.run a cancelled task.

    Enter it inside the coroutine that asyncio.run runs: only then has asyncio set its handler for SIGINT.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    if not callable(interrupt):  # ignored, as in a shell's background job
        interrupt = signal.default_int_handler
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
