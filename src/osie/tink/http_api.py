"""The operator's HTTP API, /api/v1: FastAPI's routes over the use cases and the queries."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import fastapi
from fastapi import FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sqlalchemy.exc import DataError, SQLAlchemyError

from osie.contracts import mac as macs
from osie.tink import diffing, http_forms, http_operations, views
from osie.tink.applying import topic
from osie.tink.errors import ConflictError, MissingError
from osie.tink.hardware import canonical_agent
from osie.tink.manifest import RefusedError
from osie.tink.queries import Page, Queries
from osie.tink.resources import Kind, Ref
from osie.tink.service import Tink
from osie.tink.streams import Source, follow
from osie.tink.tables import machine_events, machine_logs
from osie.tink.views import Json
from osie.tink.workflow import State

_ALL = 10**9  # a list that isn't followed has no limit of its own: the store's bounds are enough

_Namespace = Annotated[str, Query(description="the resource's namespace")]
_Limit = Annotated[int, Query(ge=1, le=1000, description="items in a page")]
_Continue = Annotated[str | None, Query(alias="continue", description="from the page before")]
_Follow = Annotated[bool, Query(description="stay, and get what happens as server-sent events")]
_LastId = Annotated[int | None, Header(alias="Last-Event-ID", description="go on behind this id")]

_PROBLEM: dict[int | str, dict[str, Any]] = {404: {"model": http_forms.Problem}}
_IN_USE: dict[int | str, dict[str, Any]] = {**_PROBLEM, 409: {"model": http_forms.Problem}}
_STREAM: dict[int | str, dict[str, Any]] = {
    **_PROBLEM,
    200: {"content": {"text/event-stream": {"example": 'id: 7\ndata: {"id": 7, "at": 1767225600.0}\n\n'}}},
}


def create(tink: Tink) -> FastAPI:
    """The application. It keeps no state: everything is `tink`'s."""
    app = FastAPI(
        title="Osie",
        version="1",
        description="Hardware, templates and workflows; what happens to them, live.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere, and we work without the internet
        redoc_url=None,
    )
    queries = Queries(tink.store)
    app.include_router(_applying(tink), prefix="/api/v1")
    app.include_router(_workflows(tink, queries), prefix="/api/v1")
    app.include_router(http_operations.router(tink, queries), prefix="/api/v1")
    for kind, plural in ((Kind.HARDWARE, "hardware"), (Kind.TEMPLATE, "templates")):
        app.include_router(_resources(tink, queries, kind, plural), prefix="/api/v1")
    app.include_router(_machines(tink, queries), prefix="/api/v1")
    for error, status in ((MissingError, 404), (ConflictError, 409), (ValueError, 400), (DataError, 400)):
        app.add_exception_handler(error, _answer(status))
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(SQLAlchemyError, _away)
    return app


def _answer(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_request: Request, error: Exception) -> Response:
        hint = getattr(error, "hint", "")
        return JSONResponse({"detail": f"{error}" + (f" ({hint})" if hint else "")}, status)

    return answer


async def _refused(_request: Request, error: Exception) -> Response:
    faults = error.faults if isinstance(error, RefusedError) else []
    return JSONResponse({"errors": [fault.json() for fault in faults]}, 422)


async def _away(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"detail": "the store does not answer"}, 503)


def _token(key: tuple[str, ...] | None) -> str | None:
    return None if key is None else base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _key(token: str | None, parts: int) -> tuple[str, ...]:
    if token is None:
        return ("",) * parts
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as error:
        raise ValueError("continue: not a token of ours") from error
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise ValueError("continue: not a token of this list")
    return tuple(key)


def _page(page: Page) -> Json:
    return {"items": page.items, "continue": _token(page.after)}


def _stream(tink: Tink, source: Source, after: int | None) -> Response:
    return StreamingResponse(
        follow(tink.notifier, source, after or 0),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


def _applying(tink: Tink) -> fastapi.APIRouter:
    router = fastapi.APIRouter(tags=["resources"])

    @router.post("/apply", responses={422: {"model": http_forms.RefusedAnswer}})
    async def apply(body: http_forms.ApplyRequest) -> http_forms.ApplyAnswer:
        """Create or change resources: all that the files hold, or nothing and every reason."""
        applied = await tink.resources.apply([(file.name, file.text) for file in body.files])
        changes = [
            http_forms.Change(kind=ref.kind, namespace=ref.namespace, name=ref.name, change=change)
            for ref, change in applied.changes
        ]
        return http_forms.ApplyAnswer(applied=changes, warnings=applied.warnings)

    @router.post("/diff", responses={422: {"model": http_forms.RefusedAnswer}})
    async def diff(body: http_forms.ApplyRequest) -> http_forms.DiffAnswer:
        """What applying these files would change; nothing is changed."""
        found = await diffing.differences(tink.store, [(file.name, file.text) for file in body.files])
        return http_forms.DiffAnswer(
            differences=[
                http_forms.DifferenceForm(
                    kind=d.ref.kind,
                    namespace=d.ref.namespace,
                    name=d.ref.name,
                    change=d.change,
                    before=d.before,
                    after=d.after,
                )
                for d in found
            ]
        )

    @router.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the server and its store answer."""
        async with tink.store.read():
            return {"status": "ok"}

    return router


def _resources(tink: Tink, queries: Queries, kind: Kind, plural: str) -> fastapi.APIRouter:
    router = fastapi.APIRouter(prefix=f"/{plural}", tags=["resources"])

    if kind is not Kind.WORKFLOW:

        @router.get("", response_model=http_forms.Listing)
        async def every(
            namespace: Annotated[str | None, Query()] = None, limit: _Limit = 500, after: _Continue = None
        ) -> Json:
            """A page of the list, by namespace and name."""
            first, second = _key(after, 2)
            return _page(await queries.resources(kind, namespace, (first, second), limit))

    @router.get("/{name}", response_model=http_forms.Resource, responses=_PROBLEM)
    async def one(name: str, namespace: _Namespace = "default") -> Json:
        """One of them."""
        return await queries.resource(Ref(kind, namespace, name))

    @router.delete("/{name}", responses=_IN_USE)
    async def delete(name: str, namespace: _Namespace = "default", force: bool = False) -> dict[str, str]:
        """Delete one; refused while it is in use (hardware, template) or runs (workflow, unless forced)."""
        await tink.resources.delete(Ref(kind, namespace, name), force=force)
        return {"deleted": name}

    return router


def _workflows(tink: Tink, queries: Queries) -> fastapi.APIRouter:
    router = _resources(tink, queries, Kind.WORKFLOW, "workflows")

    @router.get("", response_model=http_forms.Listing)
    async def every(
        namespace: Annotated[str | None, Query()] = None,
        state: Annotated[State | None, Query(description="only those in this state")] = None,
        agent: Annotated[str | None, Query(description="only those with work for this agent id")] = None,
        limit: _Limit = 500,
        after: _Continue = None,
    ) -> Json:
        """A page of the list, by namespace and name, each with its status."""
        first, second = _key(after, 2)
        who = None if agent is None else canonical_agent(agent)
        page = await queries.workflows(
            namespace=namespace, state=state, agent=who, after=(first, second), limit=limit
        )
        return _page(page)

    async def source(name: str, namespace: str, fetch: Callable[..., Awaitable[list[Json]]]) -> Source:
        ref = Ref(Kind.WORKFLOW, namespace, name)
        workflow = await queries.workflow(ref)

        async def ended() -> bool:
            try:
                now = await queries.workflow(ref)
            except MissingError:
                return True
            return now.ended or now.id != workflow.id

        return Source(topic(workflow), lambda after, limit: fetch(workflow, after, limit), ended)

    @router.get("/{name}/events", responses=_STREAM, response_model=http_forms.Listing)
    async def events(
        name: str, namespace: _Namespace = "default", follow: _Follow = False, last: _LastId = None
    ) -> Any:
        """Changes of state. Followed, the stream ends with the workflow."""
        found = await source(name, namespace, queries.events)
        return _stream(tink, found, last) if follow else _whole(await found.fetch(last or 0, _ALL))

    @router.get("/{name}/logs", responses=_STREAM, response_model=http_forms.Listing)
    async def logs(
        name: str,
        namespace: _Namespace = "default",
        action: Annotated[str | None, Query(description="only of the action with this name or id")] = None,
        follow: _Follow = False,
        last: _LastId = None,
    ) -> Any:
        """What the actions printed. Followed, the stream ends with the workflow."""
        found = await source(name, namespace, lambda w, after, limit: queries.logs(w, action, after, limit))
        return _stream(tink, found, last) if follow else _whole(await found.fetch(last or 0, _ALL))

    return router


def _whole(items: list[Json]) -> Json:
    return {"items": items, "continue": None}


def _machines(tink: Tink, queries: Queries) -> fastapi.APIRouter:
    router = fastapi.APIRouter(prefix="/machines", tags=["machines"])

    async def never() -> bool:
        return False

    @router.get("", response_model=http_forms.Listing)
    async def every(limit: _Limit = 500, after: _Continue = None) -> Json:
        """Every machine: those with a Hardware, and those that were only discovered."""
        (behind,) = _key(after, 1)
        return _page(await queries.machines(behind, limit))

    @router.get("/{mac}", responses=_PROBLEM)
    async def one(mac: str) -> dict[str, Any]:
        """A machine by its hardware address."""
        return await queries.machine(macs.normalise(mac))

    @router.get("/{mac}/events", responses=_STREAM, response_model=http_forms.Listing)
    async def events(mac: str, follow: _Follow = False, last: _LastId = None) -> Any:
        """What was seen of the machine, the netboot service's journal."""
        address = macs.normalise(mac)

        async def fetch(after: int, limit: int) -> list[Json]:
            rows = await queries.machine_rows(machine_events, address, after, limit)
            return [views.machine_event(row) for row in rows]

        if follow:
            return _stream(tink, Source(f"machine:{address}", fetch, never), last)
        return _whole(await fetch(last or 0, _ALL))

    @router.get("/{mac}/logs", responses=_STREAM, response_model=http_forms.Listing)
    async def logs(mac: str, follow: _Follow = False, last: _LastId = None) -> Any:
        """What the machine logged, by syslog."""
        address = macs.normalise(mac)

        async def fetch(after: int, limit: int) -> list[Json]:
            rows = await queries.machine_rows(machine_logs, address, after, limit)
            return [views.machine_line(row) for row in rows]

        if follow:
            return _stream(tink, Source(f"machine:{address}", fetch, never), last)
        return _whole(await fetch(last or 0, _ALL))

    return router
