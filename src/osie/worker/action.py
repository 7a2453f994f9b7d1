"""What the worker speaks of, and its ports: an action, its run, its outcome; where they come from and go to.

Ports: `Source` reads an action, `Sink` writes a status, `Telemetry` tells what happens meanwhile (adapters:
`grpc_transport`, `file_transport`); `Runtime` executes, `Images` makes room (adapter: `docker_runtime`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from osie.contracts.action_events import Progress
from osie.core.errors import OsieError

OLDER = "older/"  # the ids of runs that a server of the older generation handed out begin so


class State(Enum):
    """What a report says of an action. The names are those of the wire's ActionState."""

    RUNNING = auto()
    SUCCESS = auto()
    FAILED = auto()
    TIMEOUT = auto()


@dataclass(frozen=True)
class Action:
    """One action as the server handed it out."""

    workflow_id: str  # "namespace/name"
    task_id: str
    agent_id: str
    action_id: str
    name: str
    image: str
    timeout_s: int = 0  # of the container's run; 0: none
    command: tuple[str, ...] = ()  # replaces the image's CMD; its ENTRYPOINT stays
    volumes: tuple[str, ...] = ()  # "SOURCE:TARGET[:OPTIONS]"
    environment: tuple[str, ...] = ()  # "KEY=VALUE"
    network: str = ""  # the container's network namespace; empty: the host's
    pid: str = ""  # the container's PID namespace; empty: its own


@dataclass(frozen=True)
class Run:
    """One execution of an action. It outlives the worker: the container's labels hold it."""

    action: Action
    started_at: float  # unix seconds; when the server was told RUNNING


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    state: State
    message: str
    finished_at: float  # unix seconds


@dataclass(frozen=True)
class Report:
    """What the server is told about an action."""

    run: Run
    state: State
    message: str = ""
    finished_at: float | None = None  # unix seconds; None while it runs


@dataclass(frozen=True)
class LogLine:
    """One line that an action printed."""

    sequence: int  # from 1; the same line has the same number however often the log is read
    at: float  # unix seconds
    stream: str  # "stdout" or "stderr"
    text: str


class Unreachable(OsieError):
    """The server can't be reached or can't answer now: try again."""


class Refused(OsieError):
    """The server doesn't take this report, now or later."""


class Exhausted(Exception):
    """There will be no more actions."""


class Source(Protocol):
    """Where actions come from."""

    async def next(self) -> Action | None:
        """The action to run now, or None: ask again later. Raises Unreachable, Exhausted."""


class Sink(Protocol):
    """Where statuses go."""

    async def write(self, report: Report) -> None:
        """Return once the report is taken. Raises Unreachable, Refused."""


class Telemetry(Protocol):
    """What else the server is told while an action runs; best effort. Raises Unreachable."""

    async def heartbeat(self, action: Action) -> str | None:
        """Tell that the action is looked after; None: go on, else why nobody wants it any more."""

    async def progress(self, action: Action, progress: Progress) -> None:
        """Tell where a phase of the action stands."""

    async def logs(self, action: Action, lines: Sequence[LogLine]) -> None:
        """Tell what the action printed."""


class Listener(Protocol):
    """Hears what a running action prints; must not block."""

    def line(self, line: LogLine) -> None:
        """An ordinary line."""

    def progress(self, progress: Progress) -> None:
        """A line that was a progress event."""


class Runtime(Protocol):
    """What executes actions. An abandoned (cancelled) `execute` is taken up again by a later one."""

    async def execute(self, run: Run, listener: Listener) -> Outcome:
        """Run the action to its end, or adopt the run that was already begun, and say how it ended."""

    async def leftovers(self) -> Sequence[Run]:
        """The runs that were begun and not forgotten, oldest first. Raises OsieError where it can't tell."""

    async def forget(self, run: Run) -> None:
        """End the run if it still goes on, and remove what is left of it. Never raises OsieError."""


class Images(Protocol):
    """What holds the images of actions, in RAM that the next action may need."""

    async def keep_only(self, image: str) -> None:
        """Remove the images that came with actions, but not this one; empty: all. Never raises OsieError."""
