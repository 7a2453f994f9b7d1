"""`osie workflow cancel | retry | run-again | explain`: what an operator does to a workflow."""

import getpass

import click

from osie.cli.client import ask, at
from osie.cli.completion import actions, names, namespaces
from osie.cli.resources import server_option
from osie.cli.telling import say

name_argument = click.argument("name", shell_complete=names(lambda _context: "/workflows"))
namespace_option = click.option(
    "-n",
    "--namespace",
    default="default",
    show_default=True,
    shell_complete=namespaces(lambda _context: "/workflows"),
)


def _me() -> str:
    try:
        return getpass.getuser()
    except OSError:  # a uid without a name
        return ""


def _do(server: str, namespace: str, name: str, operation: str, **fields: str) -> None:
    body, query = {"who": _me(), **fields}, {"namespace": namespace}
    path = at("workflows", name, operation)
    status = ask(server, "POST", path, has="status", params=query, json=body)["status"]
    action = (status.get("currentAction") or {}).get("action")
    begins = f", begins with action {action}" if action and operation != "cancel" else ""
    say(f"workflow/{name} is {status['state']}{begins}")


@click.command()
@name_argument
@click.option("--why", default="", help="The reason, for the record.")
@namespace_option
@server_option
def cancel(name: str, why: str, namespace: str, server: str) -> None:
    """End an unfinished workflow: what it runs is stopped."""
    _do(server, namespace, name, "cancel", why=why)


@click.command()
@name_argument
@click.option(
    "--action", default="", shell_complete=actions, help="Go on from this action rather than the failed one."
)
@namespace_option
@server_option
def retry(name: str, action: str, namespace: str, server: str) -> None:
    """Go on with a workflow that failed or timed out, from the failed action."""
    _do(server, namespace, name, "retry", action=action)


@click.command("run-again")
@name_argument
@namespace_option
@server_option
def run_again(name: str, namespace: str, server: str) -> None:
    """Begin an ended workflow from its first action, as it was rendered."""
    _do(server, namespace, name, "run-again")


@click.command()
@name_argument
@namespace_option
@server_option
def explain(name: str, namespace: str, server: str) -> None:
    """Tell in plain sentences why a workflow is where it is."""
    path = at("workflows", name, "explain")
    told = ask(server, "GET", path, has="sentences", params={"namespace": namespace})
    for sentence in told["sentences"]:
        say(sentence)
