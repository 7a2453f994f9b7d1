"""Doing something inside a network namespace from a thread of our own process."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000  # sched.h; os.setns came with Python 3.12


def inside(name: str, act: Callable[[], T]) -> T:
    """Call `act` in the namespace, in a thread that ends afterwards: setns(2) is per thread."""

    def enter_and_act() -> T:
        descriptor = os.open(Path("/run/netns", name), os.O_RDONLY)
        try:
            if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), f"/run/netns/{name}")
        finally:
            os.close(descriptor)
        return act()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(enter_and_act).result()
