"""`osie diff`, `osie validate` and `osie render`: what files, or a workflow, come to; nothing is changed."""

import asyncio
import difflib
from pathlib import Path

import click

from osie.cli import config, show
from osie.cli.client import Json, ask, at
from osie.cli.completion import names, namespaces
from osie.cli.resources import FILE, file_option, read_files, server_option
from osie.cli.telling import note, tell
from osie.core.errors import OsieError
from osie.tink.service import diffing
from osie.tink.service.rendered_view import rendered_view
from osie.tink.service.rewriting import Rewriting


@click.command()
@file_option
@server_option
def diff(paths: tuple[str, ...], server: str) -> int:
    """Show what applying the files would change. Exits with 1 where something differs, with 2 on errors."""
    try:
        files = [{"name": name, "text": text} for name, text in read_files(list(paths))]
        answer = ask(server, "POST", "/diff", has="differences", json={"files": files})
    except OsieError as error:
        tell(error)
        return 2
    note(answer.get("warnings", ()))
    differing = [item for item in answer["differences"] if item["change"] != "unchanged"]
    for item in differing:
        for line in unified(item):
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            click.secho(line, fg=colour if not line.startswith(("+++", "---")) else None)
    return 1 if differing else 0


def unified(item: Json) -> list[str]:
    """A difference as diff -u tells it, in YAML."""
    name = f"{item['kind'].lower()}/{item['namespace']}/{item['name']}"
    before, after = ([] if side is None else show.encode(side, "yaml").splitlines() for side in (
        item["before"], item["after"],
    ))  # fmt: skip
    there = f"{name} (server)" if item["before"] else "/dev/null"
    return list(difflib.unified_diff(before, after, there, f"{name} (files)", lineterm=""))


@click.command()
@file_option
def validate(paths: tuple[str, ...]) -> None:
    """Check files with no server: all their errors at once."""
    verdict = asyncio.run(diffing.validate(read_files(list(paths))))
    note(verdict.notes)
    for ref in verdict.resources:
        rendered = " (rendered)" if ref in verdict.drafts else ""
        click.echo(f"{ref.kind.lower()}/{ref.name} is valid{rendered}")


@click.command()
@click.argument("name", required=False, shell_complete=names(lambda _context: "/workflows"))
@click.option(
    "-f", "--file", "paths", type=FILE, multiple=True, help="Render from these files, with no server."
)
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="With -f: the server's config."
)
@click.option(
    "-n",
    "--namespace",
    help="The workflow's; with -f any, else default.",
    shell_complete=namespaces(lambda _context: "/workflows"),
)
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml")
@server_option
def render(
    name: str | None,
    *,
    paths: tuple[str, ...],
    config_path: Path | None,
    namespace: str | None,
    output: str,
    server: str,
) -> None:
    """Show what the workers of the workflow NAME are handed; nothing is handed out by it.

    With -f it is rendered from the files alone, and NAME may be left out where they hold one workflow.
    """
    if paths:
        document = asyncio.run(_from_files(list(paths), namespace, name, config_path))
    elif name is None:
        raise click.UsageError("name a workflow, or files with -f")
    else:
        document = ask(
            server, "GET", at("workflows", name, "render"), params={"namespace": namespace or "default"}
        )
    click.echo(show.encode(document, output))


async def _from_files(
    paths: list[str], namespace: str | None, name: str | None, config_path: Path | None
) -> Json:
    verdict = await diffing.validate(read_files(paths))
    note(verdict.notes)
    drafts = {
        ref: workflow
        for ref, workflow in verdict.drafts.items()
        if namespace in (None, ref.namespace) and name in (None, ref.name)
    }
    if len(drafts) != 1:
        there = ", ".join(f"{ref.namespace}/{ref.name}" for ref in sorted(verdict.drafts)) or "none"
        raise OsieError(
            f"{name or 'which workflow'}: the files hold these workflows with all they need: {there}",
            hint="name one of them (-n: its namespace), and give the files of its template, of its hardware,"
            " and of what the hardware refers to and the template names, too",
        )
    policy = config.load(config_path).tink if config_path else None
    rewriting = (
        Rewriting(policy.rewrite_images, require_verified=policy.require_verified) if policy else Rewriting()
    )
    (workflow,) = drafts.values()
    return rendered_view(workflow, rewriting)
