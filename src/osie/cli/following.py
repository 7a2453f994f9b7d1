"""Following through restarts of the server: how long it is waited for, and a workflow's stream read on."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import click

from osie.cli.client import ApiError, AwayError, Client, Json, at

_PATIENCE_S = 600.0  # a server's host that starts anew
_FIRST_S, _LONGEST_S = 0.5, 8.0
_ENDED = {"SUCCESS", "FAILED", "TIMEOUT"}


class Outage:
    """A server that was there is away: it is asked again, less and less often, and given up in the end."""

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self.over()

    def over(self) -> None:
        """The server answers."""
        self._since: float | None = None
        self._pause_s = _FIRST_S

    async def wait(self, error: AwayError) -> None:
        """Wait before asking again; said once. Raises ApiError where it was away for too long."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
            click.echo(f"osie: {error}; waiting for it (Ctrl-C to end)", err=True)
        elif now - self._since > self._patience_s:
            raise ApiError(f"the server was away for {self._patience_s / 60:.0f} minutes") from error
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_S)


class Workflow:
    """A workflow whose events or logs are followed, each told once and none left out, until it has ended."""

    def __init__(self, client: Client, name: str, namespace: str) -> None:
        self._client = client
        self._name = name
        self._namespace = {"namespace": namespace}
        self._created: float | None = None  # when it was; another of its name has another time

    async def follow(self, records: str, wanted: Mapping[str, str] | None = None) -> AsyncGenerator[Json]:
        """Its `records` ("events" or "logs"), as they come. Raises ApiError as soon as it can't be known."""
        path, query = at("workflows", self._name, records), {**self._namespace, **(wanted or {})}
        outage, last, cut = Outage(), 0, False
        while True:
            try:
                if await self._ended():
                    # As pages: a stopping server ends its streams early, a list's last page says what it is.
                    async with aclosing(self._client.items(path, query, after=last)) as items:
                        async for item in items:
                            last = item["id"]
                            yield item
                    return
                if cut:  # and then look again: it may be another workflow by now
                    cut = False
                    await outage.wait(AwayError("the server ended the stream before the workflow ended"))
                    continue
                async with aclosing(self._client.follow(path, last, query, opened=outage.over)) as items:
                    async for item in items:
                        last = item["id"]
                        yield item
                cut = True
            except AwayError as error:
                if self._created is None:  # it never was there
                    raise
                await outage.wait(error)
                cut = False

    async def _ended(self) -> bool:
        """Whether it has. Raises ApiError where it is gone, or is another by now."""
        found = await self._client.request(
            "GET", at("workflows", self._name), has="status", params=self._namespace
        )
        created = found["metadata"]["createdAt"]
        if created != (self._created or created):
            raise ApiError(f"workflow {self._name} was deleted, and there is another of this name")
        self._created = created
        return found["status"]["state"] in _ENDED
