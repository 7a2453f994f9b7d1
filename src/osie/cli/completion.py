"""`osie completion SHELL`, and what completes itself: kinds, and names as the server has them."""

import asyncio
import os
from collections.abc import Callable, Sequence

import click
from click.shell_completion import CompletionItem, FishComplete, get_completion_class

from osie.cli.client import DEFAULT_SERVER, Client
from osie.core.errors import OsieError

_VARIABLE = "_OSIE_COMPLETE"
_PATIENCE_S = 1.0  # whoever presses tab waits for it
_MOST = 500

_Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


class _Fish(FishComplete):
    """Click's script for fish, but a description goes on after its first comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what has a SHELL complete commands, options and names.

    \b
    bash: osie completion bash > /etc/bash_completion.d/osie
    zsh:  osie completion zsh > "${fpath[1]}/_osie"
    fish: osie completion fish > ~/.config/fish/completions/osie.fish
    """
    kind = _Fish if shell == "fish" else get_completion_class(shell)
    if kind is None:
        raise OsieError(f"{shell}: no completion for this shell")
    click.echo(kind(click.Group(), {}, "osie", _VARIABLE).source())


def one_of(words: Sequence[str]) -> _Complete:
    """Completes one of these words."""

    def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        return [CompletionItem(word) for word in words if word.startswith(begun)]

    return complete


def names(path_of: Callable[[click.Context], str | None]) -> _Complete:
    """Completes names from the list at that path of the API; nothing where no server answers at once.

    They are those of --namespace. Without one an argument names something in `default`, as the commands
    have it; an option selects among all.
    """

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        path = path_of(context)
        if path is None:
            return []
        query = {"limit": str(_MOST), "prefix": begun}
        namespace = context.params.get("namespace") or (
            "default" if isinstance(parameter, click.Argument) else None
        )
        if namespace and path != "/machines":
            query["namespace"] = namespace
        server = context.params.get("server") or os.environ.get("OSIE_SERVER") or DEFAULT_SERVER
        try:
            found = asyncio.run(_names(server, path, query))
        except (OsieError, TimeoutError):
            return []
        return [CompletionItem(name) for name in found if name.startswith(begun)]

    return complete


async def _names(server: str, path: str, query: dict[str, str]) -> list[str]:
    async with asyncio.timeout(_PATIENCE_S), Client(server) as client:
        page = await client.request("GET", path, params=query)
    return [item["mac"] if "mac" in item else item["metadata"]["name"] for item in page["items"]]
