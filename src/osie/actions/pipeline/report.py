"""What an action tells of its progress: events, and lines for people where they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager

from osie.actions.pipeline.options import FetchOptions
from osie.actions.program import say
from osie.actions.progress import Meter, line
from osie.contracts.action_events import Progress


class Report:
    """Told where the action stands, it tells the world at each phase's start and once per interval."""

    def __init__(self, options: FetchOptions) -> None:
        self._options = options
        self._meter = Meter(self._emit)

    @contextmanager
    def running(self) -> Iterator["Report"]:
        """Tell of progress within the block."""
        with self._meter.beating(self._options.interval_s):
            yield self

    def phase(self, name: str, done: int = 0, total: int | None = None) -> None:
        """Where the phase stands, in bytes: fetch, resume, write, sync, readback or verify."""
        self._meter.update(name, done, total)

    def _emit(self, event: Progress) -> None:
        say(event.encode())
        if self._options.text:
            say(line(event))
