"""Progress as a person sees it: live on a terminal, one line a step where there is none."""

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from osie.cli.telling import shown


def megabytes(size_bytes: float) -> str:
    """10^6 bytes, in three figures; 10^9 where there are many."""
    mb = size_bytes / 1e6
    if mb >= 10_000:
        return f"{mb / 1000:.1f} GB"
    return f"{mb:.0f} MB" if mb >= 100 else f"{mb:.1f} MB"


class TerminalProgress:
    """A BuildProgress, and a bar for an action; lines that are done scroll away above what runs."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._told: set[str] = set()

    def __enter__(self) -> "TerminalProgress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:  # else it would print an empty line
            self._live.stop()

    def started(self, step: str) -> None:
        """A build step begins."""
        self._tasks[step] = self._live.add_task(step, total=None, figures="")

    def finished(self, step: str, *, seconds: float, size_bytes: int, cached: bool) -> None:
        """A build step is done. What was told before isn't told again where nothing is new."""
        self.clear(step)
        if cached and step in self._told:
            return
        self._told.add(step)
        took = "unchanged" if cached else f"{seconds:.1f} s"
        self.console.print(f"  [green]✓[/] {step:<24} [dim]{took:>10}  {megabytes(size_bytes):>8}[/]")

    def amount(self, name: str, done: float, total: float | None, figures: str) -> None:
        """Where something stands that goes on for a while; shown on a terminal only."""
        figures = escape(shown(figures))
        if name not in self._tasks:
            self._tasks[name] = self._live.add_task(escape(shown(name)), total=total, figures=figures)
        self._live.update(self._tasks[name], completed=done, total=total, figures=figures)

    def clear(self, name: str) -> None:
        """Take it off the display."""
        if (task := self._tasks.pop(name, None)) is not None:
            self._live.remove_task(task)

    def say(self, text: str) -> None:
        """A line that stays (rich markup)."""
        self.console.print(text)
