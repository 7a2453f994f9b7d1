"""`osie apply` and `osie delete`: resources, through the operator API."""

import asyncio
import codecs
import io
import sys
from pathlib import Path

import click

from osie.cli.client import DEFAULT_SERVER, ApiError, Client, Json, ask, at, server_url
from osie.cli.completion import given, names, namespaces, one_of
from osie.cli.telling import note
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


class _Server(click.ParamType[str]):
    """A server's URL."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The URL, or wrong usage."""
        try:
            return server_url(str(value))
        except ApiError as error:
            self.fail(str(error), param, ctx)


server_option = click.option(
    "--server",
    type=_Server(),
    envvar="OSIE_SERVER",
    default=DEFAULT_SERVER,
    show_default=True,
    help="The operator API.",
)

FILE = click.Path(allow_dash=True)  # so that shells complete it
file_option = click.option(
    "-f", "--file", "paths", type=FILE, multiple=True, required=True, help="A file, a folder, or - ."
)


def plural(kind: str) -> str:
    """The API's word for a kind. Raises OsieError that names the kinds there are."""
    try:
        return KINDS[kind.lower()]
    except KeyError:
        raise OsieError(
            f"{kind}: unknown kind", hint=f"one of {', '.join(sorted(set(KINDS.values())))}"
        ) from None


def listed(context: click.Context) -> str | None:
    """The API's list of the kind that the command line names so far."""
    kind = KINDS.get(str(given(context, "kind")).lower())
    return None if kind is None else f"/{kind}"


def named(item: Json) -> str:
    """A resource in a line: kind/name, with its namespace where that isn't the default."""
    name = item["name"] if item["namespace"] == "default" else f"{item['namespace']}/{item['name']}"
    return f"{item['kind'].lower()}/{name}"


def read_files(paths: list[str]) -> list[tuple[str, str]]:
    """(name, text) of each file; "-" is standard input, a folder stands for its YAML and JSON files."""
    files = []
    for path in paths:
        here = Path(path)
        found = [path]
        try:
            if path != "-" and here.is_dir():
                found = sorted(str(p) for p in here.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
        except OSError as error:
            raise _unreadable(path, error) from None
        if not found:
            raise OsieError(f"{click.format_filename(path)}: no .yaml, .yml or .json file in this folder")
        files += [read_file(file) for file in found]
    return files


def read_file(path: str) -> tuple[str, str]:
    """The name to call a file by, and its text, with any kind of line's end. "-" is standard input.

    UTF-8; UTF-16 where it begins with a byte order mark, as what Windows' programs write.
    """
    name = "standard input" if path == "-" else click.format_filename(path)
    try:
        data = _standard_input() if path == "-" else Path(path).read_bytes()
        is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
        return name, io.StringIO(text, newline=None).read()
    except OSError as error:
        raise _unreadable(name, error) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        encoding = "UTF-16" if is_utf16 else "UTF-8"
        raise OsieError(
            f"{name}, line {line}: not {encoding} text (byte {data[error.start]:#04x}, {error.reason})"
        ) from None


def _standard_input() -> bytes:
    if sys.stdin is None:  # closed by whoever started us
        raise OsieError("standard input is closed")
    return sys.stdin.buffer.read()


def _unreadable(path: str, error: OSError) -> OsieError:
    return OsieError(f"{click.format_filename(path)}: {error.strerror}")


@click.command()
@file_option
@server_option
def apply(paths: tuple[str, ...], server: str) -> None:
    """Create or change Hardware, Templates and Workflows: all of the files, or nothing."""
    files = read_files(list(paths))

    async def work() -> Json:
        async with Client(server) as client:
            return await client.apply_told(files)

    answer = asyncio.run(work())
    note(answer["warnings"])
    for item in answer["applied"]:
        click.echo(f"{named(item)} {item['change']}")


@click.command()
@click.argument("kind", shell_complete=one_of(PLURALS))
@click.argument("name", shell_complete=names(listed))
@click.option("-n", "--namespace", default="default", show_default=True, shell_complete=namespaces(listed))
@click.option("--force", is_flag=True, help="Even a workflow that is running.")
@server_option
def delete(kind: str, name: str, namespace: str, force: bool, server: str) -> None:
    """Delete one resource."""
    listing = plural(kind)
    if listing == "machines":
        raise OsieError("a machine is what was seen of it: delete its hardware")
    query = {"namespace": namespace, "force": str(force).lower()}
    ask(server, "DELETE", at(listing, name), has="deleted", params=query)
    click.echo(f"{kind}/{name} deleted")
