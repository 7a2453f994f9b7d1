"""`osie cache`: what the build cache holds, and making it smaller."""

import time
from collections.abc import Sequence
from itertools import groupby

import click
from rich.console import Console
from rich.table import Table

from osie.cli.progress import megabytes
from osie.cli.workshop import build_cache, bytes_of, cache_limit
from osie.core.cache import Entry


class Size(click.ParamType[int]):
    """`500MB`, `4G`, a number of bytes."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes."""
        try:
            return value if isinstance(value, int) else bytes_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def cache() -> None:
    """What builds are made of, and are made quick by."""


@cache.command()
def show() -> None:
    """What is in the cache by build step, how big it is, and when it was used last."""
    console = Console()
    kept = build_cache()
    entries = kept.entries()
    table = Table("step", "results", "size", "last used", box=None, pad_edge=False)
    by_step = groupby(sorted(entries, key=lambda entry: entry.step), key=lambda entry: entry.step)
    rows = [(step, list(group)) for step, group in by_step]
    for step, group in sorted(rows, key=lambda row: -_size(row[1])):
        table.add_row(step, str(len(group)), megabytes(_size(group)), _ago(max(e.last_used for e in group)))
    console.print(table)
    limit = cache_limit()
    console.print(
        f"{kept.root}: [bold]{megabytes(_size(entries))}[/] of at most {megabytes(limit)}", highlight=False
    )


@cache.command()
@click.option("--keep", type=Size(), help="How much may stay: 500MB, 4GB. Builds' limit where not given.")
@click.option("--all", "everything", is_flag=True, help="Remove all that no running build uses.")
def prune(keep: int | None, everything: bool) -> None:
    """Remove what killed builds left, and the least recently used results until the rest is small enough."""
    if everything and keep is not None:
        raise click.UsageError("--keep and --all exclude each other")
    kept = build_cache()
    kept.sweep()
    freed = kept.prune(0 if everything else cache_limit() if keep is None else keep)
    left = _size(kept.entries())
    Console().print(f"freed {megabytes(freed)}; {megabytes(left)} left in {kept.root}", highlight=False)


def _size(entries: Sequence[Entry]) -> int:
    return sum(entry.size for entry in entries)


def _ago(moment: float) -> str:
    seconds = max(0, time.time() - moment)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} seconds ago"
