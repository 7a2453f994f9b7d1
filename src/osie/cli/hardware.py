"""`osie hardware import`: machines from a spreadsheet."""

import asyncio

import click
import yaml

from osie.cli import hardware_csv
from osie.cli.client import ApiError, Client, Json
from osie.cli.resources import FILE, read_file, server_option
from osie.cli.telling import note


@click.group()
def hardware() -> None:
    """Import machines from a spreadsheet."""


def _documents(manifests: list[Json]) -> str:
    return "---\n".join(yaml.safe_dump(manifest, sort_keys=False) for manifest in manifests)


@hardware.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Print the resources as YAML, and apply nothing.")
@server_option
def import_(file: str, dry_run: bool, server: str) -> None:
    """Create or change a Hardware for each line of a CSV FILE (- is standard input): all, or none.

    The first line names the columns; docs/reference/cli.md lists them.
    """
    name, text = read_file(file)
    imported = hardware_csv.read(name, text)
    if imported.ignored:
        click.echo(f"{name}: {', '.join(imported.ignored)}: ignored, a Hardware has no such field", err=True)
    documents = _documents(imported.manifests)
    if dry_run:
        click.echo(documents, nl=False)
        return

    answer = asyncio.run(_applied(server, name, imported.lines, documents))
    note(answer["warnings"])
    for item in answer["applied"]:
        click.echo(f"hardware/{item['name']} {item['change']}")


async def _applied(server: str, name: str, lines: list[int], documents: str) -> Json:
    """What the server did. Raises ApiError with the lines of the CSV that it refuses."""
    async with Client(server) as client:
        try:
            return await client.apply_told([(name, documents)])
        except ApiError as error:
            if not error.faults:
                raise
            raise ApiError("nothing was imported:" + _by_line(name, lines, error.faults)) from None


def _by_line(name: str, lines: list[int], faults: list[Json]) -> str:
    told = ""
    for fault in faults:
        line = f", line {lines[fault['document'] - 1]}" if fault.get("document") else ""
        told += f"\n  {name}{line}: {fault['message']}"
    return told
