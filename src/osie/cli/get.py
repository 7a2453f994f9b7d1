"""`osie get`: resources and machines, as tables that may be watched, or as YAML and JSON."""

import asyncio
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console

from osie.cli import show, watching
from osie.cli.client import Client, Json, at
from osie.cli.completion import names, namespaces, one_of
from osie.cli.resources import PLURALS, listed, plural, server_option
from osie.cli.watching import Listing

_STATES = ["PREPARING", "PENDING", "RUNNING", "POST", "SUCCESS", "FAILED", "TIMEOUT"]
_FOR = {  # the API's parameters, and the lists that have them
    "namespace": {"hardware", "templates", "workflows"},
    "labels": {"hardware", "templates", "workflows"},
    "state": {"workflows"},
    "hardware": {"workflows"},
    "known": {"machines"},
}
_OPTIONS = {"labels": "--selector", "known": "--known"}


@click.command()
@click.argument("kind", shell_complete=one_of(PLURALS))
@click.argument("name", required=False, shell_complete=names(listed))
@click.option(
    "-n",
    "--namespace",
    help="Only of this namespace; with a NAME: default.",
    shell_complete=namespaces(listed),
)
@click.option("-l", "--selector", "labels", help="Only with these labels: KEY=VALUE,KEY!=VALUE,KEY,!KEY.")
@click.option("--prefix", help="Only names (machines: addresses) that begin so.")
@click.option("--state", multiple=True, type=click.Choice(_STATES, case_sensitive=False), help="Workflows.")
@click.option("--hardware", help="Workflows of this Hardware.", shell_complete=names(lambda _: "/hardware"))
@click.option("--known/--discovered", default=None, help="Machines with a Hardware, or without one.")
@click.option("-o", "--output", type=click.Choice(["table", "wide", "yaml", "json"]), default="table")
@click.option("-w", "--watch", is_flag=True, help="Go on, and show what changes.")
@server_option
def get(kind: str, *, name: str | None, output: str, watch: bool, server: str, **filters: Any) -> None:
    """Show resources of a KIND (hardware, templates, workflows, machines), or one of them."""
    listing = plural(kind)
    wanted = {key: value for key, value in filters.items() if value not in (None, ())}
    _refuse(listing, name, wanted)
    if watch and output not in {"table", "wide"}:
        raise click.UsageError("--watch shows tables")
    asyncio.run(_get(server, listing, name, wanted, output=output, watch=watch))


def _refuse(listing: str, name: str | None, wanted: Mapping[str, Any]) -> None:
    for key in wanted:
        option = _OPTIONS.get(key, f"--{key}")
        if listing not in _FOR.get(key, {listing}):
            raise click.UsageError(f"{option} is of {', '.join(sorted(_FOR[key]))}, not of {listing}")
        if name is not None and key != "namespace":
            raise click.UsageError(f"{option} selects from a list: leave out {name}")


async def _get(
    server: str, listing: str, name: str | None, wanted: Mapping[str, Any], *, output: str, watch: bool
) -> None:
    has = "mac" if listing == "machines" else "metadata"
    async with Client(server) as client:

        async def fetch() -> list[Json]:
            if name is None:
                return await client.every(f"/{listing}", wanted)
            return [await client.request("GET", at(listing, name), has=has, params=wanted)]

        if watch:
            selected = bool(wanted.keys() - {"namespace"})
            await watching.watch(
                _console(), Listing(listing, wide=output == "wide", selected=selected), fetch
            )
            return
        found = await fetch()
    if output in {"table", "wide"}:
        print_table(listing, found, wide=output == "wide")
    elif name is not None:
        click.echo(show.encode(show.dated(found[0]), output))
    elif found or output == "json":
        click.echo(show.encode_all(show.dated(found), output))
    else:
        _nothing(listing)


def _console() -> Console:
    """A terminal's own width; elsewhere a row is a line, however long."""
    console = Console()
    return console if console.is_terminal else Console(width=10_000)


def print_table(listing: str, found: list[Json], *, wide: bool) -> None:
    """The table, or on standard error that there is nothing to show."""
    if found:
        # Of the wide table nothing is left out or cut: its lines may go on in the terminal's next one.
        console = Console(width=10_000) if wide else _console()
        console.print(show.table(listing, found, wide=wide, width=console.width))
    else:
        _nothing(listing)


def _nothing(listing: str) -> None:
    click.echo(f"no {listing} found", err=True)
