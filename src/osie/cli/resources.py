"""`osie apply`, `osie get`, `osie delete`: resources, through the operator API."""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console

from osie.cli import show
from osie.cli.client import DEFAULT_SERVER, Client, Json
from osie.cli.completion import names, one_of
from osie.core.errors import OsieError

KINDS = {
    "hardware": "hardware",
    "hw": "hardware",
    "template": "templates",
    "templates": "templates",
    "workflow": "workflows",
    "workflows": "workflows",
    "wf": "workflows",
    "machine": "machines",
    "machines": "machines",
}

PLURALS = sorted(set(KINDS.values()))

server_option = click.option(
    "--server", envvar="OSIE_SERVER", default=DEFAULT_SERVER, show_default=True, help="The operator API."
)


def plural(kind: str) -> str:
    """The API's word for a kind. Raises OsieError that names the kinds there are."""
    try:
        return KINDS[kind.lower()]
    except KeyError:
        raise OsieError(
            f"{kind}: unknown kind", hint=f"one of {', '.join(sorted(set(KINDS.values())))}"
        ) from None


def _listed(context: click.Context) -> str | None:
    kind = KINDS.get(str(context.params.get("kind")).lower())
    return None if kind is None else f"/{kind}"


def read_files(paths: list[str]) -> list[tuple[str, str]]:
    """(name, text) of each file; "-" is standard input, a folder stands for its YAML and JSON files."""
    files = []
    for path in paths:
        if path == "-":
            files.append(("standard input", sys.stdin.read()))
            continue
        here = Path(path)
        found = [here]
        if here.is_dir():
            found = sorted(p for p in here.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
            if not found:
                raise OsieError(f"{path}: no .yaml, .yml or .json file in this folder")
        for file in found:
            try:
                files.append((str(file), file.read_text()))
            except (OSError, UnicodeDecodeError) as error:
                raise OsieError(f"{file}: can't be read: {error}") from error
    return files


@click.command()
@click.option("-f", "--file", "paths", multiple=True, required=True, help="A file, a folder, or - .")
@server_option
def apply(paths: tuple[str, ...], server: str) -> None:
    """Create or change Hardware, Templates and Workflows: all of the files, or nothing."""
    files = read_files(list(paths))

    async def work() -> list[Json]:
        async with Client(server) as client:
            return await client.apply(files)

    for item in asyncio.run(work()):
        click.echo(f"{item['kind'].lower()}/{item['name']} {item['change']}")


@click.command()
@click.argument("kind", shell_complete=one_of(PLURALS))
@click.argument("name", required=False, shell_complete=names(_listed))
@click.option("-o", "--output", type=click.Choice(["table", "yaml", "json"]), default="table")
@server_option
def get(kind: str, name: str | None, output: str, server: str) -> None:
    """Show resources of a KIND (hardware, templates, workflows, machines), or one of them."""
    path = f"/{plural(kind)}"

    async def work() -> list[Json]:
        async with Client(server) as client:
            if name is not None:
                return [await client.request("GET", f"{path}/{name}")]
            return await every(client, path)

    found = asyncio.run(work())
    if output == "table":
        Console().print(show.table(plural(kind), found))
    else:
        click.echo(show.encode(found[0] if name is not None else found, output))


async def every(client: Client, path: str) -> list[Json]:
    """All items of a list, page by page."""
    items: list[Json] = []
    token: str | None = None
    while True:
        page = await client.request("GET", path, params={"continue": token} if token else None)
        items += page["items"]
        token = page.get("continue")
        if not token:
            return items


@click.command()
@click.argument("kind", shell_complete=one_of(PLURALS))
@click.argument("name", shell_complete=names(_listed))
@click.option("--force", is_flag=True, help="Even a workflow that is running.")
@server_option
def delete(kind: str, name: str, force: bool, server: str) -> None:
    """Delete one resource."""

    async def work() -> None:
        async with Client(server) as client:
            await client.request("DELETE", f"/{plural(kind)}/{name}", params={"force": str(force).lower()})

    asyncio.run(work())
    click.echo(f"{kind}/{name} deleted")
