"""`osie demo`: the command line, and what is left when it ends."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from osie.cli import doctor
from osie.cli.demo import run_folder, screen
from osie.cli.demo.performance import Built, Options, Performance, build, verdict
from osie.cli.demo.scenario import WORKFLOW
from osie.cli.demo.timeline import Outcome
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.core.interruption import terminable
from osie.lab.console import Line
from osie.lab.machine import TcgFault

_MOST_RESTARTS = 3
_ROOMY = "/var/tmp"  # noqa: S108  (a folder of our own in it; /tmp may be in memory, and the disk is large)


@click.command()
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(256),
    default=1024,
    show_default=True,
    help="The machine's MiB.",
)
@click.option("--firmware", type=click.Choice(["bios", "uefi"]), default="bios", show_default=True)
@click.option("--profile", default="default", show_default=True, help="The ramdisk's profile.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the timeline here.")
@click.option("--keep", is_flag=True, help="Leave it running, and say how to look at it.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=1), default=1200, show_default=True, help="Seconds."
)
@click.option(
    "--fault",
    type=click.Choice(["digest", "truncated", "missing"]),
    help="Hand out a wrong image, to see it fail.",
)
@click.option(
    "--workdir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the console's and the server's log and the disk here.",
)
def demo(*, report: Path | None, keep: bool, workdir: Path | None, **asked: Any) -> int:
    """Power on to installed OS, on a virtual machine.

    Exits with 0 only where the installed OS, started from the disk, proved it.
    """
    doctor.require()
    options = Options(**asked)
    with TerminalProgress(Console(highlight=False)) as terminal, _folder(workdir) as folder:
        terminal.say("[bold]Building[/]")
        built = build(Workshop.at(cache_root(), terminal), options.profile, folder / "artifacts")
        with run_folder.room_in(folder):
            outcome = asyncio.run(_perform(options, built, folder, terminal, Ending(report, keep)))
    return 0 if outcome.result == "success" else 1


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Where the run's files are: the folder given, or one that goes with the run."""
    if given is not None:
        yield given.resolve()
        return
    with run_folder.temporary(Path(os.environ.get("TMPDIR") or _ROOMY)) as made:
        yield made


@dataclass(frozen=True)
class Ending:
    """What is left when it ended."""

    report: Path | None
    keep: bool


async def _perform(
    options: Options, built: Built, folder: Path, terminal: TerminalProgress, ending: Ending
) -> Outcome:
    with terminable():
        for restarts in range(_MOST_RESTARTS):
            try:
                return await _once(
                    Performance(options, built, folder / f"run-{restarts}", terminal, restarts), ending
                )
            except TcgFault as fault:
                terminal.say(f"  [yellow]![/] {fault}; starting over: this is the emulator's fault, not ours")
    raise OsieError(f"QEMU's emulator broke the guest {_MOST_RESTARTS} times")


async def _once(performance: Performance, ending: Ending) -> Outcome:
    terminal, options, timeline = performance.terminal, performance.options, performance.timeline
    terminal.say("[bold]Setting the stage[/]")
    async with performance.scene() as (stage, machine):
        terminal.say(
            f"[bold]The machine[/]: {options.memory_mib} MiB, {options.firmware},"
            f" {machine.accelerator.partition(',')[0]}, an empty disk"
        )
        outcome = verdict(await performance.run(stage, machine), timeline)
        if ending.report is not None:
            write_atomically(ending.report, json.dumps(outcome.report(timeline), indent=2) + "\n")
        terminal.console.print()
        terminal.console.print(screen.timeline_table(timeline))
        terminal.console.print()
        if outcome.result == "success":
            for line in screen.gaps(outcome):
                terminal.say(line)
        terminal.say(screen.closing_line(outcome, timeline))
        if outcome.result != "success":
            terminal.say(_evidence(machine.console.lines))
        if ending.keep:
            terminal.say(_how_to_look(stage.operator_url, stage.network.name, performance.workdir))
            await asyncio.Event().wait()
    return outcome


def _evidence(lines: list[Line]) -> str:
    shown = "\n".join(f"  {escape(line.text)}" for line in lines[-12:])
    return f"[dim]The machine's console, its last lines:[/]\n{shown}" if shown else ""


def _how_to_look(operator: str, namespace: str, folder: Path) -> str:
    osie = Path(sys.argv[0]).resolve()
    return f"""
It stays as it is until you press Ctrl-C. From another terminal:
  export OSIE_SERVER={operator}
  {osie} get workflows
  {osie} workflow logs {WORKFLOW}
  {osie} get machines -o yaml
  tail -f {folder}/console.log            # the machine's console
  ip netns exec {namespace} ip neighbour  # the machines' network"""
