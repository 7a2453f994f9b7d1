"""The HTTP API's resources: apply, diff, lists, one of them, delete."""

from typing import Annotated, Any

import fastapi
from fastapi import Query

from osie.tink.domain import selector
from osie.tink.domain.hardware import canonical_agent
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.views import Json
from osie.tink.domain.workflow import State
from osie.tink.http import forms
from osie.tink.http.paging import PROBLEM, Continue, Limit, Responses, answer, key
from osie.tink.service import diffing
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.list_rows import Wanted, WantedWorkflows

Namespace = Annotated[str, Query(description="the resource's namespace")]
_Namespaces = Annotated[str | None, Query(description="only of this namespace", examples=["default"])]
_Prefix = Annotated[str, Query(description="only names that begin so", examples=["install-"])]
_Labels = Annotated[
    str, Query(description="only with these labels: KEY=VALUE,KEY!=VALUE,KEY,!KEY", examples=["rack=7"])
]
_IN_USE: Responses = {**PROBLEM, 409: {"model": forms.Problem, "description": "it is in use"}}
_REFUSED: Responses = {422: {"model": forms.RefusedAnswer, "description": "every fault of the files"}}


def applying(tink: Tink) -> fastapi.APIRouter:
    """Files in."""
    router = fastapi.APIRouter(tags=["resources"])

    @router.post("/apply", responses=_REFUSED)
    async def apply(body: forms.ApplyRequest) -> forms.ApplyAnswer:
        """Create or change resources: all that the files hold, or nothing and every reason."""
        applied = await tink.resources.apply([(file.name, file.text) for file in body.files])
        changes = [
            forms.Change(kind=ref.kind, namespace=ref.namespace, name=ref.name, change=change)
            for ref, change in applied.changes
        ]
        return forms.ApplyAnswer(applied=changes, warnings=applied.warnings)

    @router.post("/diff", responses=_REFUSED)
    async def diff(body: forms.ApplyRequest) -> forms.DiffAnswer:
        """What applying these files would change; nothing is changed."""
        files = [(file.name, file.text) for file in body.files]
        told = await diffing.differences(tink.store, files, tink.network)
        return forms.DiffAnswer(
            differences=[
                forms.DifferenceForm(
                    kind=d.ref.kind,
                    namespace=d.ref.namespace,
                    name=d.ref.name,
                    change=d.change,
                    before=d.before,
                    after=d.after,
                )
                for d in told.found
            ],
            warnings=told.warnings,
        )

    return router


def named(tink: Tink, queries: Queries, kind: Kind, plural: str) -> fastapi.APIRouter:
    """One resource of a kind."""
    router = fastapi.APIRouter(prefix=f"/{plural}", tags=[plural])

    @router.get("/{name}", response_model=forms.Resource, responses=PROBLEM)
    async def one(name: str, namespace: Namespace = "default") -> Json:
        """One of them."""
        return await queries.resource(Ref(kind, namespace, name))

    @router.delete("/{name}", responses=_IN_USE)
    async def delete(name: str, namespace: Namespace = "default", force: bool = False) -> dict[str, str]:
        """Delete one; refused while it is in use (hardware, template) or runs (workflow, unless forced)."""
        await tink.resources.delete(Ref(kind, namespace, name), force=force)
        return {"deleted": name}

    return router


def listed(queries: Queries, kind: Kind, plural: str) -> fastapi.APIRouter:
    """Hardware or templates."""
    router = fastapi.APIRouter(prefix=f"/{plural}", tags=[plural])

    @router.get("", response_model=forms.Listing, responses={400: PROBLEM[400]})
    async def every(
        namespace: _Namespaces = None,
        prefix: _Prefix = "",
        labels: _Labels = "",
        limit: Limit = 500,
        after: Continue = None,
    ) -> Json:
        """A page of the list, by namespace and name."""
        first, second = key(after, 2)
        wanted = Wanted(namespace, prefix, selector.parse(labels))
        return answer(await queries.resources(kind, wanted, (first, second), limit))

    return router


def workflows(queries: Queries) -> fastapi.APIRouter:
    """The list of workflows."""
    router = fastapi.APIRouter(prefix="/workflows", tags=["workflows"])

    @router.get("", response_model=forms.Listing, responses={400: PROBLEM[400]})
    async def every(
        *,
        namespace: _Namespaces = None,
        prefix: _Prefix = "",
        labels: _Labels = "",
        state: Annotated[list[State] | None, Query(description="only in one of these states")] = None,
        hardware: Annotated[str | None, Query(description="only of this Hardware")] = None,
        agent: Annotated[str | None, Query(description="only those with work for this agent id")] = None,
        limit: Limit = 500,
        after: Continue = None,
    ) -> Any:
        """A page of the list, by namespace and name, each with its status."""
        first, second = key(after, 2)
        wanted = WantedWorkflows(
            namespace,
            prefix,
            selector.parse(labels),
            states=tuple(state or ()),
            agent=None if agent is None else canonical_agent(agent),
            hardware=hardware,
        )
        return answer(await queries.workflows(wanted, (first, second), limit))

    return router
