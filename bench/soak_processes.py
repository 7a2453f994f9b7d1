"""Processes of the soak, killed and started again."""

import ctypes
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

_PR_SET_PDEATHSIG = 1  # prctl(2)


def _leashed(target: Callable[..., None], *arguments: Any) -> None:
    """Run `target` in a process that ends with the one that forked it, multiprocessing's fork server."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    target(*arguments)


class Supervisor:
    """Processes by name, each started again some time after it was killed."""

    def __init__(self, context: ForkServerContext) -> None:
        self._context = context
        self._made: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {}
        self._running: dict[str, BaseProcess] = {}
        self._due: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self.ended_alone: list[str] = []

    def add(self, name: str, target: Callable[..., None], *arguments: Any) -> None:
        """Keep `target(*arguments)` running in a process of its own."""
        self._made[name] = (target, arguments)
        self._due[name] = 0.0

    def kill(self, name: str, away_s: float, least_life_s: float = 0.0) -> bool:
        """SIGKILL; False where it is down already, or too young."""
        if name not in self._running or time.monotonic() - self._since[name] < least_life_s:
            return False
        process = self._running.pop(name)
        process.kill()
        process.join()
        self._due[name] = time.monotonic() + away_s
        return True

    def look(self) -> None:
        """Start what is due, and note what ended by itself."""
        for name, process in list(self._running.items()):
            if process.exitcode is not None:
                self.ended_alone.append(f"{name}: exit status {process.exitcode}")
                del self._running[name]
                self._due[name] = time.monotonic() + 1.0
        for name, due in list(self._due.items()):
            if due <= time.monotonic():
                target, arguments = self._made[name]
                process = self._context.Process(target=_leashed, args=(target, *arguments), name=name)
                process.start()
                self._running[name], self._since[name] = process, time.monotonic()
                del self._due[name]

    def names(self, prefix: str) -> list[str]:
        """Of the processes whose names begin so."""
        return [name for name in self._made if name.startswith(prefix)]

    def end(self) -> None:
        """Kill all."""
        for name in self._made:
            self.kill(name, 0.0)
