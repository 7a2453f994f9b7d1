"""`osie action`: run an action by hand on this host, as a process with exactly the environment given."""

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

import click
from rich.console import Console

import osie.actions
from osie.actions import progress
from osie.actions.environment import SettingsError
from osie.cli.progress import TerminalProgress
from osie.cli.telling import shown
from osie.contracts.action_events import Progress, decode
from osie.core.errors import OsieError
from osie.core.process import clean_environment
from osie.image.profile.findings import nearest


@click.group()
def action() -> None:
    """Run an action by hand on this host; list the actions, show one."""


@action.command(name="list")
def list_() -> None:
    """List the actions."""
    names = _names()
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:<{width}}  {_purpose(name)}")


@action.command()
@click.argument("name")
def show(name: str) -> None:
    """Show an action's variables. docs/reference/actions.md says what they mean."""
    variables = _variables(_known(name))
    click.echo(_purpose(name))
    for variable, told in variables.items():
        click.echo(f"  {variable}{f'  {told}' if told else ''}")


@action.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("variables", nargs=-1, metavar="VARIABLE=VALUE...")
def run(name: str, variables: Sequence[str]) -> int:
    """Run an action with the variables given and no others; the exit status is the action's."""
    environment = _environment(_known(name), variables)
    console, errors = Console(), Console(stderr=True)
    with TerminalProgress(console) as screen:
        lines = Lines(name, screen, errors)
        return _to_the_end(name, environment, lines, joined=_one_place(console.file, errors.file))


def _one_place(output: IO[str], errors: IO[str]) -> bool:
    """Whether both go to the same terminal, pipe or file."""
    try:
        both = (output.fileno(), errors.fileno())
        return all(map(os.isatty, both)) or os.path.sameopenfile(*both)
    except OSError:  # closed, or no file at all
        return False


class Lines:
    """Shows what the action prints: its progress as a bar, or a line now and then; all else as it is."""

    def __init__(self, name: str, screen: TerminalProgress, errors: Console) -> None:
        self._name = name
        self._screen = screen
        self._errors = errors
        self._told = ("", 0)  # a phase, and how many quarters of it are done
        self._one = threading.Lock()  # two pipes are read side by side

    def log(self, line: str) -> None:
        """A line of its standard output."""
        event = decode(line)
        with self._one:
            if event is not None:
                self._progress(event)
            else:
                self._screen.console.print(shown(line), markup=False, highlight=False, soft_wrap=True)

    def _progress(self, event: Progress) -> None:
        if self._screen.console.is_terminal:
            self._screen.amount(self._name, event.done, event.total, progress.line(event))
            return
        stands = (event.phase, 4 * event.done // event.total if event.total else 0)
        if stands != self._told:
            self._told = stands
            self._screen.console.print(
                shown(progress.line(event)), markup=False, highlight=False, soft_wrap=True
            )

    def error(self, line: str) -> None:
        """A line of its standard error."""
        with self._one:
            self._errors.print(shown(line), markup=False, highlight=False, soft_wrap=True)


def _to_the_end(name: str, environment: Mapping[str, str], lines: Lines, *, joined: bool) -> int:
    """Start it, show what it prints, pass a request to end on as SIGTERM; its exit status, or 130 or 143.

    `joined`: its errors come through the pipe of its output, since two don't tell which line was first.
    It is a session of its own: a terminal's Ctrl-C would end it before it could clean up.
    """
    with _Requests() as requests:  # before there is a child, and it may be asked for
        process = subprocess.Popen(
            [sys.executable, "-m", f"osie.actions.{name}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if joined else subprocess.PIPE,
            text=True,
            errors="replace",
            env=clean_environment(environment),
            start_new_session=True,
        )
        requests.pass_on_to(process)
        pipes = ((process.stdout, lines.log), (process.stderr, lines.error))
        readers = [threading.Thread(target=_read, args=(pipe, show)) for pipe, show in pipes if pipe]
        for reader in readers:
            reader.start()
        status = process.wait()
        for reader in readers:
            reader.join()
    return requests.status or (status if status >= 0 else 128 - status)


class _Requests:
    """Requests to end (SIGINT where it isn't ignored, SIGTERM); the first is passed on to a child."""

    def __init__(self) -> None:
        self.status = 0  # to exit with, once asked
        self._process: subprocess.Popen[str] | None = None
        self._passed_on = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Requests":
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def pass_on_to(self, process: subprocess.Popen[str]) -> None:
        """From now on, and what was asked for before."""
        self._process = process
        self._end()

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        self.status = self.status or 128 + number
        self._end()

    def _end(self) -> None:
        if self.status and self._process is not None and not self._passed_on:
            self._passed_on = True
            self._process.terminate()


def _read(pipe: IO[str], show_line: Callable[[str], None]) -> None:
    for line in pipe:
        show_line(line.rstrip("\n"))


def _names() -> list[str]:
    folder = Path(osie.actions.__file__).parent
    return sorted(path.parent.name for path in folder.glob("*/__main__.py"))


def _known(name: str) -> str:
    names = _names()
    if name not in names:
        raise OsieError(
            f"there is no action {name}{nearest(name, names) or '.'} The actions are: {', '.join(names)}"
        )
    return name


def _purpose(name: str) -> str:
    return (_module(f"osie.actions.{name}").__doc__ or "").strip().partition("\n")[0]


def _module(name: str) -> Any:
    """The module. Raises OsieError, where it can't be imported, whatever the fault in it."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - it is somebody's code, perhaps half-written
        raise OsieError(f"{name} can't be imported: {type(error).__name__}: {error}") from None


class _Asked(dict[str, str]):
    """An empty environment that remembers what was looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, name: str, default: object = None) -> str | None:  # type: ignore[override]
        """Nothing."""
        self._note(name)
        return super().get(name, default)  # type: ignore[arg-type]

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def _note(self, name: str) -> None:
        if name not in self.names:
            self.names.append(name)


def _variables(name: str) -> dict[str, str]:
    """The variables that the action looks for, and what it says where one of them isn't there."""
    asked, told = _Asked(), ""
    program = _module(f"osie.actions.{name}.__main__")
    if not hasattr(program, "read"):
        raise OsieError(f"{program.__name__} has no function `read`, which tells the action's variables")
    try:
        program.read(asked)
    except SettingsError as error:
        told = str(error)
    missing = {part.partition(" ")[0] for part in told.split("; ")}
    return {variable: "(must be set)" if variable in missing else "" for variable in asked.names}


def _environment(name: str, given: Sequence[str]) -> dict[str, str]:
    """The variables as a mapping. Raises OsieError for every one that the action wouldn't read."""
    known = list(_variables(name))
    faults, environment = [], {}
    for word in given:
        variable, equals, value = word.partition("=")
        if not equals:
            faults.append(f"{word}: expected VARIABLE=VALUE.")
        elif variable not in known:
            faults.append(f"{name} has no variable {variable}{nearest(variable, known) or '.'}")
        environment[variable] = value
    if faults:
        raise OsieError(" ".join(faults), hint=f"`osie action show {name}` lists them")
    return environment
