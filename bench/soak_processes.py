"""Processes of the soak, killed and started again."""

import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any


class Supervisor:
    """Processes by name, each started again some time after it was killed."""

    def __init__(self, context: ForkServerContext) -> None:
        self._context = context
        self._made: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {}
        self._running: dict[str, BaseProcess] = {}
        self._due: dict[str, float] = {}
        self.ended_alone: list[str] = []

    def add(self, name: str, target: Callable[..., None], *arguments: Any) -> None:
        """Keep `target(*arguments)` running in a process of its own."""
        self._made[name] = (target, arguments)
        self._due[name] = 0.0

    def kill(self, name: str, away_s: float) -> bool:
        """SIGKILL; False where it is down already."""
        process = self._running.pop(name, None)
        if process is None:
            return False
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
                process = self._context.Process(target=target, args=arguments, name=name)
                process.start()
                self._running[name] = process
                del self._due[name]

    def names(self, prefix: str) -> list[str]:
        """Of the processes whose names begin so."""
        return [name for name in self._made if name.startswith(prefix)]

    def end(self) -> None:
        """Kill all."""
        for name in self._made:
            self.kill(name, 0.0)
