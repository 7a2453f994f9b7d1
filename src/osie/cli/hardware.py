"""`osie hardware import`: machines from a spreadsheet."""

import asyncio
from pathlib import Path

import click
import yaml

from osie.cli import hardware_csv
from osie.cli.client import Client, Json
from osie.cli.resources import FILE, read_file, server_option


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

    async def work() -> list[Json]:
        async with Client(server) as client:
            return await client.apply([(str(Path(name).with_suffix(".yaml").name), documents)])

    for item in asyncio.run(work()):
        click.echo(f"hardware/{item['name']} {item['change']}")
