"""How something is told to a person: an error with what it comes from and what to try, a note, a statement.

What machines and files say passes through `shown` wherever a person sees it.
"""

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
        click.echo(f"  try: {shown(hint)}", err=True)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = [error]
    while (cause := found[-1].__cause__) is not None:
        found.append(cause)
    return found


def note(lines: Iterable[str]) -> None:
    """What is no error and should be known, on standard error."""
    for line in lines:
        click.echo(f"note: {shown(line)}", err=True)


def say(text: str) -> None:
    """On standard output. Further lines are indented: none passes for a statement of its own."""
    click.echo("\n  ".join(shown(text).splitlines()))


def shown(text: str) -> str:
    """The text without what a terminal acts upon. Colours go, what else isn't printable becomes a mark.

    ECMA-48's control sequences, C0 and C1, and Unicode's format characters, which turn text around.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in click.unstyle(text))
