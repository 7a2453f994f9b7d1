"""What the ramdisk says: one line a step and state, the same on every console and in syslog.

The demo, the lab and people read these lines; docs/reference describes them. Seconds are those of the
kernel's CLOCK_BOOTTIME, so they can be compared with the kernel's own messages.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from osie.core.errors import OsieError, chain
from osie.ramdisk import waiting

Sink = Callable[[str], None]
Facts = dict[str, object]
T = TypeVar("T")

_KEPT_LINES = 500  # for a sink that comes late: syslog, once there is a network


def boot_seconds() -> float:
    """Seconds since the kernel started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def quoted(value: object, *, always: bool = False) -> str:
    """A value for `key=value`: as it is where it is one word, else in double quotes, on one line."""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    if text and not always and not any(c.isspace() or c in '"=' or ord(c) < 32 for c in text):
        return text
    flat = " ".join(text.split()).replace("\\", "\\\\").replace('"', "'")
    return f'"{flat}"'


def line(event: str, state: str = "", *, at: float, facts: Mapping[str, object] | None = None) -> str:
    """One line: `osie: EVENT [STATE] at=SECONDS [key=value ...]`."""
    words = ["osie:", event, *([state] if state else []), f"at={at:.3f}"]
    for key, value in (facts or {}).items():
        words.append(f"{key}={quoted(value, always=key == 'reason')}")
    return " ".join(words)


class Reporter:
    """Says lines to its sinks, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sinks: list[Sink] = []
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)

    def add(self, sink: Sink, *, from_the_start: bool = True) -> None:
        """Let a sink hear all from now on, and what was said before."""
        with self._lock:
            for text in self._said if from_the_start else ():
                sink(text)
            self._sinks.append(sink)

    def say(self, text: str) -> None:
        """Say a line as it is."""
        with self._lock:
            self._said.append(text)
            for sink in self._sinks:
                sink(text)

    def event(self, event: str, **facts: object) -> None:
        """Say an event that is no step, such as `memory` or `reboot`."""
        self.say(line(event, at=boot_seconds(), facts=facts))

    @contextmanager
    def step(self, name: str) -> Iterator[Facts]:
        """Say when the step starts and how it ends; what the block puts into the facts is said with it."""
        started = boot_seconds()
        self.say(line(name, "start", at=started))
        facts: Facts = {}
        try:
            yield facts
        except Exception as error:
            ended = boot_seconds()
            told: Facts = {"took": ended - started, **facts, "reason": ": ".join(chain(error))}
            self.say(line(name, "failed", at=ended, facts=told))
            if isinstance(error, OsieError) and error.hint:
                self.say(f"osie: {name} check: {error.hint}")
            raise
        ended = boot_seconds()
        self.say(line(name, "ok", at=ended, facts={"took": ended - started, **facts}))

    def persist(self, name: str, attempt: Callable[[Facts], T], *, wake: waiting.Waker | None = None) -> T:
        """Do a step until it succeeds, with growing pauses, saying so; `wake` ends a pause."""
        failures = 0
        while True:
            try:
                with self.step(name) as facts:
                    return attempt(facts)
            except (OsieError, OSError):
                failures += 1
                pause = waiting.backoff_s(failures)
                self.say(f"osie: {name} will be tried again in {pause:g} s (failed {failures} times)")
                waiting.pause(pause, wake)
