"""`osie workflow`: one workflow while it runs, and what can be done to it."""

import asyncio
from contextlib import aclosing
from datetime import datetime

import click

from osie.cli import operations
from osie.cli.client import Client, Json, at
from osie.cli.completion import actions
from osie.cli.following import Workflow
from osie.cli.operations import name_argument, namespace_option
from osie.cli.resources import server_option
from osie.cli.telling import say


@click.group()
def workflow() -> None:
    """Watch a workflow, explain it, read its logs; cancel it, retry it, run it again."""


for _command in (operations.cancel, operations.retry, operations.run_again, operations.explain):
    workflow.add_command(_command)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(float(at)).astimezone().strftime("%H:%M:%S")


def event_line(event: Json) -> str:
    """One change of state as a line; a reason of several has them behind it."""
    before, after, who = event.get("from") or "-", event["to"], event.get("who") or ""
    moved = after if before == after else f"{before} -> {after}"
    by = f" ({who})" if who.startswith("operator") else ""
    why = event.get("why") or ""
    what = event.get("action") or "workflow"
    return f"{_clock(event['at'])}  {what:<20} {moved}{by}" + (f"  {why}" if why else "")


@workflow.command()
@name_argument
@namespace_option
@server_option
def watch(name: str, namespace: str, server: str) -> int:
    """Print each change of state as it happens; ends with the workflow, with 1 where it did not succeed."""

    async def work() -> str:
        state = ""
        async with (
            Client(server) as client,
            aclosing(Workflow(client, name, namespace).follow("events")) as told,
        ):
            async for event in told:
                say(event_line(event))
                if not event.get("action"):
                    state = str(event["to"])
        return state

    return 0 if asyncio.run(work()) == "SUCCESS" else 1


def log_line(line: Json, *, timestamps: bool) -> str:
    """A line that an action printed, behind the action's name."""
    clock = f"{_clock(line['at'])}  " if timestamps else ""
    return f"{clock}{line['action']}: {line['text']}"


@workflow.command()
@name_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the workflow ends.")
@click.option("--action", shell_complete=actions, help="Of this action only, by its name or its run's id.")
@click.option("-t", "--timestamps", is_flag=True, help="With the time at which each was printed.")
@namespace_option
@server_option
def logs(
    name: str, *, follow: bool, action: str | None, timestamps: bool, namespace: str, server: str
) -> None:
    """Print what the workflow's actions printed, in all of their attempts and runs."""
    query = {"action": action} if action else {}

    async def work() -> None:
        async with Client(server) as client:
            if follow:
                lines = Workflow(client, name, namespace).follow("logs", query)
            else:
                lines = client.items(at("workflows", name, "logs"), {"namespace": namespace, **query})
            async with aclosing(lines):
                async for line in lines:
                    say(log_line(line, timestamps=timestamps))

    asyncio.run(work())
