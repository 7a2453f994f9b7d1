"""How an error is told to a person: what and where, what it comes from, what to try."""

from collections.abc import Iterable

import click

from osie.core.errors import OsieError, chain


def tell(error: OsieError) -> None:
    """On standard error: a line, its causes, a hint."""
    first, *causes = chain(error)
    click.secho("osie: ", fg="red", bold=True, nl=False, err=True)
    click.echo(shown(first), err=True)
    for cause in causes:
        click.echo(f"  because: {shown(cause)}", err=True)
    hint = next((e.hint for e in _causes(error) if isinstance(e, OsieError) and e.hint), "")
    if hint:
        click.echo(f"  try: {hint}", err=True)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = [error]
    while (cause := found[-1].__cause__) is not None:
        found.append(cause)
    return found


def note(lines: Iterable[str]) -> None:
    """What is no error and should be known, on standard error."""
    for line in lines:
        click.echo(f"note: {shown(line)}", err=True)


def shown(text: str) -> str:
    """The text without what would move a terminal's cursor: keys and names of files may be anybody's."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
