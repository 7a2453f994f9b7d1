"""What an operator does to a workflow, and asks of it: cancel, retry, run again, explain, render."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import fastapi
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from osie.tink.domain.explain import Hindrances
from osie.tink.domain.explain import explain as explained
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.workflow import current
from osie.tink.http import forms
from osie.tink.service.queries import Queries, runs_of_turn
from osie.tink.service.rendered_view import rendered_view
from osie.tink.service.service import Tink

_Namespace = Annotated[str, Query(description="the workflow's namespace")]
_REFUSALS: Mapping[int | str, dict[str, Any]] = {
    404: {"model": forms.Problem},
    409: {"model": forms.Problem, "description": "its state does not allow it"},
}
_LAST_LINES = 10


class Operation(BaseModel):
    """Who acts, and why: for the record."""

    model_config = ConfigDict(extra="forbid")

    who: str = Field(default="", examples=["alice"], description="the operator's name")
    why: str = Field(default="", examples=["wrong image"], description="of a cancel: the reason")
    action: str = Field(default="", description="of a retry: the action to go on from; else the failed one")


class Explanation(BaseModel):
    """Plain sentences."""

    sentences: list[str] = Field(
        examples=[["It is RUNNING: 1 of 4 actions succeeded.", "`osie workflow cancel w` ends it now."]]
    )


def router(tink: Tink, queries: Queries, now: Callable[[], float] = time.time) -> fastapi.APIRouter:
    """The routes below /workflows/{name}."""
    routes = fastapi.APIRouter(prefix="/workflows/{name}", tags=["workflows"])
    shown = {"response_model": forms.Resource, "responses": _REFUSALS}

    def named(name: str, namespace: str) -> Ref:
        return Ref(Kind.WORKFLOW, namespace, name)

    @routes.post("/cancel", **shown)  # type: ignore[arg-type]
    async def cancel(name: str, body: Operation | None = None, namespace: _Namespace = "default") -> Any:
        """End an unfinished workflow as FAILED; what runs is stopped by its worker. No hooks."""
        body = body or Operation()
        await tink.operations.cancel(named(name, namespace), who=body.who, why=body.why)
        return await queries.resource(named(name, namespace))

    @routes.post("/retry", **shown)  # type: ignore[arg-type]
    async def retry(name: str, body: Operation | None = None, namespace: _Namespace = "default") -> Any:
        """Go on with a workflow that failed or timed out, from the failed action or an earlier one."""
        body = body or Operation()
        await tink.operations.retry(named(name, namespace), who=body.who, action=body.action)
        return await queries.resource(named(name, namespace))

    @routes.post("/run-again", **shown)  # type: ignore[arg-type]
    async def run_again(name: str, body: Operation | None = None, namespace: _Namespace = "default") -> Any:
        """Begin an ended workflow from its first action, as it was rendered."""
        await tink.operations.run_again(named(name, namespace), who=(body or Operation()).who)
        return await queries.resource(named(name, namespace))

    @routes.get("/explain", responses={404: {"model": forms.Problem}})
    async def explain(name: str, namespace: _Namespace = "default") -> Explanation:
        """Why the workflow is where it is."""
        workflow = await queries.workflow(named(name, namespace))
        events = await queries.events(workflow, 0, 10**9)
        turn = current(workflow)
        lines: list[str] = []
        hindrances = Hindrances()
        if turn is not None:
            lines = await queries.last_lines(workflow, runs_of_turn(workflow, turn), _LAST_LINES)
            hindrances = await queries.hindrances(workflow, turn)
        return Explanation(sentences=explained(workflow, events, lines, hindrances, now()))

    @routes.get("/render", responses={404: {"model": forms.Problem}})
    async def render(name: str, namespace: _Namespace = "default") -> dict[str, Any]:
        """What the workers are handed: the rendered template, images as the server's config rewrites them."""
        return rendered_view(await queries.workflow(named(name, namespace)), tink.agents.rewriting)

    return routes
