"""`osie completion SHELL`, and what completes itself: kinds, and names as the server has them."""

import asyncio
import os
from collections.abc import Callable, Sequence

import click
from click.shell_completion import CompletionItem, FishComplete, get_completion_class

from osie.cli.client import DEFAULT_SERVER, Client, Json, at
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


def given(context: click.Context, argument: str) -> str | None:
    """What was typed for an argument. Click assigns none while an option before the tab lacks its value."""
    value = context.params.get(argument)
    arguments = [param.name for param in context.command.params if isinstance(param, click.Argument)]
    place = arguments.index(argument)
    if value is None and place < len(context.args):
        value = context.args[place]
    return value


def names(path_of: Callable[[click.Context], str | None]) -> _Complete:
    """Completes names from the list at that path of the API.

    They are those of --namespace. Without one an argument names something in `default`, as the commands
    have it; an option selects among all.
    """

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        path = path_of(context)
        query = {"limit": str(_MOST), "prefix": begun}
        namespace = context.params.get("namespace") or (
            "default" if isinstance(parameter, click.Argument) else None
        )
        if namespace and path != "/machines":
            query["namespace"] = namespace
        return _offered(context, path, query, _names, begun)

    return complete


def namespaces(path_of: Callable[[click.Context], str | None]) -> _Complete:
    """Completes the namespaces of the list at that path of the API, as far as a page of it tells."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        path = path_of(context)
        if path == "/machines":  # are in none
            path = None
        return _offered(context, path, {"limit": str(_MOST)}, _namespaces, begun)

    return complete


def actions(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completes the actions of the workflow that the command line names."""
    name = given(context, "name")
    path = at("workflows", name) if name else None
    query = {"namespace": context.params.get("namespace") or "default"}
    return _offered(context, path, query, _actions, begun)


def _offered(
    context: click.Context,
    path: str | None,
    query: dict[str, str],
    words_of: Callable[[Json], list[str]],
    begun: str,
) -> list[CompletionItem]:
    """The words in the server's answer that begin so; nothing where it doesn't answer at once."""
    if path is None:
        return []
    server = context.params.get("server") or os.environ.get("OSIE_SERVER") or DEFAULT_SERVER
    try:
        words = words_of(asyncio.run(_answer(server, path, query)))
    except (OsieError, TimeoutError, KeyError, TypeError):  # of no server, or of another one
        return []
    return [CompletionItem(word) for word in words if word.startswith(begun)]


async def _answer(server: str, path: str, query: dict[str, str]) -> Json:
    async with asyncio.timeout(_PATIENCE_S), Client(server) as client:
        answer: Json = await client.request("GET", path, params=query)
    return answer


def _names(page: Json) -> list[str]:
    return [item["mac"] if "mac" in item else item["metadata"]["name"] for item in page["items"]]


def _namespaces(page: Json) -> list[str]:
    return sorted({item["metadata"]["namespace"] for item in page["items"]})


def _actions(workflow: Json) -> list[str]:
    return list(
        dict.fromkeys(action["name"] for task in workflow["status"]["tasks"] for action in task["actions"])
    )
