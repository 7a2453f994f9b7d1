"""What was recorded: events and logs of workflows and of machines, in pages or as they come; the machines."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import fastapi
import sqlalchemy as sa
from fastapi import Query

from osie.contracts import mac as macs
from osie.tink.domain import topics, views
from osie.tink.domain.errors import MissingError
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.views import Json
from osie.tink.http import forms
from osie.tink.http.paging import (
    PROBLEM,
    STREAM,
    Continue,
    Follow,
    LastId,
    Limit,
    answer,
    key,
    numbered,
    stream,
)
from osie.tink.http.resources import Namespace
from osie.tink.service.event_streams import Source
from osie.tink.service.queries import Queries, runs_of
from osie.tink.service.service import Tink
from osie.tink.store.tables import machine_events, machine_logs


def workflows(tink: Tink, queries: Queries) -> fastapi.APIRouter:
    """A workflow's events and logs."""
    router = fastapi.APIRouter(prefix="/workflows/{name}", tags=["workflows"])

    async def source(name: str, namespace: str, fetch: Callable[..., Awaitable[list[Json]]]) -> Source:
        ref = Ref(Kind.WORKFLOW, namespace, name)
        workflow = await queries.workflow(ref)

        async def ended() -> bool:
            try:
                now = await queries.workflow(ref)
            except MissingError:
                return True
            return now.ended or now.id != workflow.id

        return Source(topics.workflow(workflow), lambda after, limit: fetch(workflow, after, limit), ended)

    @router.get("/events", responses=STREAM, response_model=forms.Listing)
    async def events(
        *,
        name: str,
        namespace: Namespace = "default",
        follow: Follow = False,
        last: LastId = None,
        limit: Limit = 500,
        after: Continue = None,
    ) -> Any:
        """Changes of state. Followed, the stream ends with the workflow."""
        found = await source(name, namespace, queries.events)
        return await stream(tink, found, last) if follow else await numbered(found, last, after, limit)

    @router.get("/logs", responses=STREAM, response_model=forms.Listing)
    async def logs(
        *,
        name: str,
        namespace: Namespace = "default",
        action: Annotated[
            str | None, Query(description="only of the action with this name, TASK/NAME or id")
        ] = None,
        follow: Follow = False,
        last: LastId = None,
        limit: Limit = 500,
        after: Continue = None,
    ) -> Any:
        """What the actions printed. Followed, the stream ends with the workflow."""
        if action is not None:  # told now: a stream that has begun can't be refused any more
            runs_of(await queries.workflow(Ref(Kind.WORKFLOW, namespace, name)), action)
        found = await source(name, namespace, lambda w, after, limit: queries.logs(w, action, after, limit))
        return await stream(tink, found, last) if follow else await numbered(found, last, after, limit)

    return router


def machines(tink: Tink, queries: Queries) -> fastapi.APIRouter:
    """The machines, their journal and their logs."""
    router = fastapi.APIRouter(prefix="/machines", tags=["machines"])

    async def never() -> bool:
        return False

    def source(mac: str, table: sa.Table, view: Callable[[views.Row], Json]) -> Source:
        address = macs.normalise(mac)

        async def fetch(after: int, limit: int) -> list[Json]:
            return [view(row) for row in await queries.machine_rows(table, address, after, limit)]

        return Source(topics.machine(address), fetch, never)

    @router.get("", response_model=forms.Listing, responses={400: PROBLEM[400]})
    async def every(
        known: Annotated[
            bool | None, Query(description="true: those with a Hardware; false: discovered ones")
        ] = None,
        prefix: Annotated[str, Query(description="only addresses that begin so", examples=["52:54:00"])] = "",
        limit: Limit = 500,
        after: Continue = None,
    ) -> Json:
        """A page of the machines: those with a Hardware, and those that were only discovered."""
        (behind,) = key(after, 1)
        begin = prefix.lower().replace("-", ":")
        return answer(await queries.machines(known=known, prefix=begin, behind=behind, limit=limit))

    @router.get("/{mac}", responses=PROBLEM)
    async def one(mac: str) -> dict[str, Any]:
        """A machine by its hardware address."""
        return await queries.machine(macs.normalise(mac))

    @router.get("/{mac}/events", responses=STREAM, response_model=forms.Listing)
    async def events(
        mac: str, follow: Follow = False, last: LastId = None, limit: Limit = 500, after: Continue = None
    ) -> Any:
        """What was seen of the machine, the netboot service's journal."""
        found = source(mac, machine_events, views.machine_event)
        return await stream(tink, found, last) if follow else await numbered(found, last, after, limit)

    @router.get("/{mac}/logs", responses=STREAM, response_model=forms.Listing)
    async def logs(
        mac: str, follow: Follow = False, last: LastId = None, limit: Limit = 500, after: Continue = None
    ) -> Any:
        """What the machine logged, by syslog."""
        found = source(mac, machine_logs, views.machine_line)
        return await stream(tink, found, last) if follow else await numbered(found, last, after, limit)

    return router
