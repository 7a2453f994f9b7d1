"""The operator's HTTP API, /api/v1: FastAPI's routes over the use cases and the queries, put together."""

from collections.abc import Awaitable, Callable, Collection

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError, SQLAlchemyError

from osie.tink.domain.errors import ConflictError, MissingError
from osie.tink.domain.resources import Kind
from osie.tink.files.manifest import RefusedError
from osie.tink.http import examples, operations, records, resources
from osie.tink.http.browsers import Browsers
from osie.tink.http.limits import Limits
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink


def create(tink: Tink, names: Collection[str] | None = None) -> FastAPI:
    """Make the application. It keeps no state: everything is `tink`'s.

    `names`: the hosts that it may be asked for, addresses apart; None: whatever a request says.
    """
    app = FastAPI(
        title="Osie",
        version="1",
        description="Hardware, templates and workflows; what happens to them, live.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere, and we work without the internet
        redoc_url=None,
    )
    app.add_middleware(Limits)
    if names is not None:
        app.add_middleware(Browsers, names=names)
    queries = Queries(tink.store)
    routers = [resources.applying(tink)]
    for kind, plural in ((Kind.HARDWARE, "hardware"), (Kind.TEMPLATE, "templates")):
        routers += [
            resources.listed(queries, kind, plural),
            resources.named(tink, queries, kind, plural),
        ]
    routers += [
        resources.workflows(queries),
        resources.named(tink, queries, Kind.WORKFLOW, "workflows"),
        operations.router(tink, queries),
        records.workflows(tink, queries),
        records.machines(tink, queries),
    ]
    for router in routers:
        app.include_router(router, prefix="/api/v1")

    @app.get("/api/v1/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the server and its store answer."""
        async with tink.store.read():
            return {"status": "ok"}

    examples.describe(app, "/api/v1")
    for error, status in ((MissingError, 404), (ConflictError, 409), (ValueError, 400)):
        app.add_exception_handler(error, _answer(status))
    app.add_exception_handler(DataError, _unheld)
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


async def _unheld(_request: Request, _error: Exception) -> Response:
    # The error's own text is the statement with its parameters, and concerns nobody outside.
    return JSONResponse({"detail": "an argument that the store can't hold: a NUL character, perhaps"}, 400)


async def _away(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"detail": "the store does not answer"}, 503)
