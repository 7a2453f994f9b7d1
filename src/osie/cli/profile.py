"""`osie profile`: which ramdisks there are to build, and what exactly is in one."""

import click
from rich.console import Console
from rich.table import Table

from osie.cli.progress import megabytes
from osie.cli.workshop import PROFILES
from osie.core.errors import OsieError
from osie.image.profile import profile as profiles
from osie.image.profile import toml_text


@click.group()
def profile() -> None:
    """What a ramdisk contains: list the profiles, show one."""


@profile.command("list")
def list_() -> int:
    """Name, engine, budget, what it extends, and what it is for. Exits with 1 where one can't be used."""
    table = Table("name", "engine", "budget", "extends", "what for", box=None, pad_edge=False)
    broken = []
    for path in sorted(PROFILES.glob("*.toml")):
        try:
            one = profiles.load(path.stem, PROFILES)
        except OsieError as error:
            broken.append(error)
            continue
        budget = "" if one.size_budget_bytes is None else megabytes(one.size_budget_bytes)
        table.add_row(path.stem, one.engine, budget, " < ".join(one.extends), one.description)
    Console().print(table)
    for told in broken:
        click.echo(f"osie: {told}", err=True)
    return 1 if broken else 0


@profile.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the whole profile NAME (or of a file), with all that it extends taken in, as TOML."""
    click.echo(toml_text.text(profiles.load(name, PROFILES)), nl=False)
