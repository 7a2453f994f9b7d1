"""What a person sees of the demo."""

from rich.markup import escape
from rich.table import Table

from osie.cli.client import Json
from osie.cli.demo.timeline import MEANING, Outcome, Timeline
from osie.cli.progress import TerminalProgress, megabytes
from osie.cli.telling import shown


def milestone(event: str, at_s: float) -> str:
    """An event as a line that stays."""
    return f"  [cyan]{at_s:7.1f} s[/]  {event:<16} [dim]{MEANING[event]}[/]"


def figures(progress: Json) -> str:
    """An action's amounts: bytes done, rate, time left."""
    if progress.get("unit") != "bytes":
        return f"{progress['done']} {progress.get('unit', '')}"
    text = megabytes(progress["done"])
    rate, eta = progress.get("rate_per_s"), progress.get("eta_s")
    if rate:  # 0: there was no time yet to measure it
        text += f", {megabytes(rate)}/s"
    return text if eta is None else f"{text}, {eta:.0f} s left"


class ActionBar:
    """The current action's bar; without a terminal, a line at each quarter."""

    def __init__(self, screen: TerminalProgress) -> None:
        self._screen = screen
        self._name = ""
        self._quarter = 0

    def update(self, action: str, progress: Json | None) -> None:
        """Show where `action` stands."""
        if action != self._name:
            self._screen.clear(self._name)
            self._name, self._quarter = action, 0
        if not action or progress is None:
            return
        done, total = float(progress["done"]), progress.get("total")
        text = f"{progress['phase']}: {figures(progress)}"
        if self._screen.console.is_terminal:
            self._screen.amount(action, done, total, text)
        elif total and (quarter := int(4 * done / total)) > self._quarter:
            self._quarter = quarter
            self._screen.say(escape(shown(f"             {action}: {100 * done / total:.0f}%, {text}")))


def timeline_table(timeline: Timeline) -> Table:
    """The timeline with what each step took."""
    table = Table("EVENT", "AT", "TOOK", "WHAT", box=None, pad_edge=False, header_style="bold")
    before = 0.0
    for event, at_s in sorted(timeline.rows(), key=lambda row: row[1]):
        table.add_row(event, f"{at_s:.1f} s", f"{at_s - before:+.1f}", f"[dim]{MEANING[event]}[/]")
        before = at_s
    return table


def gaps(outcome: Outcome) -> list[str]:
    """What lacks in the timeline of an install that is proven, a line each."""
    told = [f"[yellow]not seen[/]: {event}, {MEANING[event]}" for event in outcome.not_seen]
    return told + [f"[yellow]out of order[/]: {event}, {MEANING[event]}" for event in outcome.out_of_order]


def closing_line(outcome: Outcome, timeline: Timeline) -> str:
    """The last line: what was proven, or why not."""
    if outcome.result == "success":
        total = dict(timeline.rows())["os_up"]
        peak = timeline.peak_used_mib
        memory = f", peak memory {peak} of {outcome.memory_mib} MiB" if peak is not None else ""
        return f"[bold green]The machine booted from its own disk[/], {total:.0f} s after power-on{memory}."
    return f"[bold red]The demo failed[/]: {escape(shown(outcome.reason))}"
