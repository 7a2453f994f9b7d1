"""`osie workflow watch` and `osie workflow logs`: a workflow while it runs."""

import asyncio
from datetime import datetime

import click

from osie.cli import operations
from osie.cli.client import Client, Json
from osie.cli.completion import names
from osie.cli.resources import server_option
from osie.core.errors import OsieError

_ENDED = {"SUCCESS", "FAILED", "TIMEOUT"}


name_argument = click.argument("name", shell_complete=names(lambda _context: "/workflows"))


@click.group()
def workflow() -> None:
    """Watch a workflow, explain it, read its logs; cancel it, retry it, run it again."""


for _command in (operations.cancel, operations.retry, operations.run_again, operations.explain):
    workflow.add_command(_command)


def event_line(event: Json) -> str:
    """One change of state as a line."""
    clock = datetime.fromtimestamp(float(event["at"])).astimezone().strftime("%H:%M:%S")
    what = event.get("action") or "workflow"
    why = f"  {event['why']}" if event.get("why") else ""
    return f"{clock}  {what:<20} {event.get('from') or '-'} -> {event['to']}{why}"


@workflow.command()
@name_argument
@server_option
def watch(name: str, server: str) -> int:
    """Print each change of state as it happens; ends with the workflow, with 1 where it did not succeed."""

    async def work() -> str:
        async with Client(server) as client:
            async for event in client.follow(f"/workflows/{name}/events"):
                click.echo(event_line(event))
                if not event.get("action") and event["to"] in _ENDED:
                    return str(event["to"])
        raise OsieError(f"workflow {name}: the server closed the stream before the workflow ended")

    return 0 if asyncio.run(work()) == "SUCCESS" else 1


@workflow.command()
@name_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the workflow ends.")
@click.option("--action", default=None, help="Of this action only.")
@server_option
def logs(name: str, follow: bool, action: str | None, server: str) -> None:
    """Print what the workflow's actions printed."""
    query = {"action": action} if action else {}

    async def work() -> None:
        async with Client(server) as client:
            if follow:
                async for line in client.follow(f"/workflows/{name}/logs", 0, **query):
                    click.echo(f"{line['action']}: {line['text']}")
                return
            answer = await client.request("GET", f"/workflows/{name}/logs", params=query)
            for line in answer["items"]:
                click.echo(f"{line['action']}: {line['text']}")

    asyncio.run(work())
