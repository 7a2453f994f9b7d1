"""Lists in the store, in pages: what the operator asks for is selected by the database."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain.resources import Kind, Resource
from osie.tink.domain.selector import Term
from osie.tink.domain.workflow import State, Workflow
from osie.tink.store.resource_rows import resource_of
from osie.tink.store.tables import identities, machines, resources, workflow_agents, workflows
from osie.tink.store.workflow_rows import decode


@dataclass(frozen=True)
class Wanted:
    """Which resources of a kind; what isn't said selects nothing out."""

    namespace: str | None = None
    prefix: str = ""  # of the name
    labels: tuple[Term, ...] = ()

    def terms(self) -> list[sa.ColumnElement[bool]]:
        """The same, for a query on `resources`."""
        columns = resources.c
        found = [_label(term) for term in self.labels]
        if self.namespace is not None:
            found.append(columns.namespace == self.namespace)
        if self.prefix:
            found.append(columns.name.startswith(self.prefix, autoescape=True))
        return found


@dataclass(frozen=True)
class WantedWorkflows(Wanted):
    """Which workflows."""

    states: Collection[State] = ()  # any of these
    agent: str | None = None  # with a part for this id
    hardware: str | None = None

    def terms(self) -> list[sa.ColumnElement[bool]]:
        """For a query on `resources` and `workflows`."""
        found, columns = super().terms(), workflows.c
        if self.states:
            found.append(columns.state.in_(self.states))
        if self.agent is not None:
            mine = sa.select(workflow_agents.c.workflow_id).where(workflow_agents.c.agent == self.agent)
            found.append(columns.id.in_(mine))
        if self.hardware is not None:
            found.append(columns.hardware == self.hardware)
        return found


def _label(term: Term) -> sa.ColumnElement[bool]:
    held: sa.ColumnElement[str | None] = resources.c.labels[term.key].as_string()
    if term.value is None:
        return held.is_not(None) if term.wanted else held.is_(None)
    return held == term.value if term.wanted else sa.or_(held.is_(None), held != term.value)


def _ordered(query: sa.Select[Any], after: tuple[str, str], limit: int) -> sa.Select[Any]:
    key = (resources.c.namespace, resources.c.name)
    return query.where(sa.tuple_(*key) > sa.tuple_(*after)).order_by(*key).limit(limit)


async def page(
    connection: AsyncConnection, kind: Kind, wanted: Wanted, after: tuple[str, str], limit: int
) -> list[Resource]:
    """Resources in the order of (namespace, name), beginning behind `after`."""
    query = sa.select(resources).where(resources.c.kind == kind, *wanted.terms())
    rows = await connection.execute(_ordered(query, after, limit))
    return [resource_of(row) for row in rows.mappings()]


async def workflow_page(
    connection: AsyncConnection, wanted: WantedWorkflows, after: tuple[str, str], limit: int
) -> list[tuple[Resource, Workflow]]:
    """Workflows, likewise, each with its resource."""
    own, its = workflows.c, resources.c
    joined = resources.join(workflows, sa.and_(its.namespace == own.namespace, its.name == own.name))
    query = sa.select(resources, own.document).select_from(joined)
    query = query.where(its.kind == Kind.WORKFLOW, *wanted.terms())
    found = []
    for row in (await connection.execute(_ordered(query, after, limit))).mappings():
        fields = dict(row)
        document = fields.pop("document")
        found.append((resource_of(fields), decode(document)))
    return found


async def machine_page(
    connection: AsyncConnection, *, known: bool | None, prefix: str, behind: str, limit: int
) -> list[str]:
    """Hardware addresses in order, beginning behind `behind`.

    `known`: those that a Hardware has (True), those that were only seen (False), or both (None).
    """
    is_mac = sa.and_(identities.c.kind == "agent", identities.c.value.like("__:__:__:__:__:__"))
    described = sa.select(identities.c.value.label("mac")).where(is_mac)
    seen = sa.select(machines.c.mac)
    if known is None:
        both = sa.union(seen, described).subquery()
    elif known:
        both = described.subquery()
    else:
        both = seen.where(machines.c.mac.not_in(described)).subquery()
    query = sa.select(both.c.mac).where(both.c.mac > behind).order_by(both.c.mac).limit(limit)
    if prefix:
        query = query.where(both.c.mac.startswith(prefix, autoescape=True))
    return list((await connection.execute(query)).scalars())
