"""Resources in the store: Hardware, Templates and Workflows as the operator applied them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain import hardware
from osie.tink.domain.netboot import toggles
from osie.tink.domain.resources import Kind, Ref, Resource
from osie.tink.store.tables import identities, resources


def _is(ref: Ref) -> sa.ColumnElement[bool]:
    columns = resources.c
    return sa.and_(columns.kind == ref.kind, columns.namespace == ref.namespace, columns.name == ref.name)


def resource_of(row: Mapping[Any, Any]) -> Resource:
    """The resource of a row of the table."""
    fields = dict(row)
    ref = Ref(Kind(fields.pop("kind")), fields.pop("namespace"), fields.pop("name"))
    return Resource(ref, **fields)


async def get(connection: AsyncConnection, ref: Ref) -> Resource | None:
    """The resource, or None."""
    row = (await connection.execute(sa.select(resources).where(_is(ref)))).mappings().first()
    return None if row is None else resource_of(row)


async def get_many(connection: AsyncConnection, refs: Iterable[Ref]) -> dict[Ref, Resource]:
    """Those of the resources that there are."""
    names: dict[tuple[Kind, str], list[str]] = {}
    for ref in refs:
        names.setdefault((ref.kind, ref.namespace), []).append(ref.name)
    columns = resources.c
    found = []
    for (kind, namespace), wanted in names.items():
        for start in range(0, len(wanted), 500):  # SQLite bounds a statement's parameters
            query = sa.select(resources).where(
                columns.kind == kind,
                columns.namespace == namespace,
                columns.name.in_(wanted[start : start + 500]),
            )
            found += [resource_of(row) for row in (await connection.execute(query)).mappings()]
    return {resource.ref: resource for resource in found}


async def save(connection: AsyncConnection, resource: Resource, at: float) -> None:
    """Create or replace the resource. A toggled netboot stays, unless the operator wrote another allowPXE."""
    old = await get(connection, resource.ref)
    fields: dict[str, Any] = {
        "spec": resource.spec,
        "labels": resource.labels,
        "annotations": resource.annotations,
        "updated_at": at,
    }
    if old is None:
        row = {"kind": resource.ref.kind, "namespace": resource.ref.namespace, "name": resource.ref.name}
        await connection.execute(resources.insert().values(**row, **fields, version=1, created_at=at))
    else:
        netboot = old.netboot if toggles(old.spec) == toggles(resource.spec) else None
        changed = resources.update().where(_is(resource.ref))
        await connection.execute(changed.values(**fields, version=old.version + 1, netboot=netboot))
    if resource.ref.kind is Kind.HARDWARE:
        await forget_identities(connection, resource.ref)


async def save_identities(connection: AsyncConnection, resource: Resource) -> None:
    """Note what the Hardware is known by; first forget all of a batch's old ids: two may swap theirs."""
    spec = hardware.HardwareSpec.model_validate(resource.spec)
    rows = [
        {"kind": kind, "value": value, "namespace": resource.ref.namespace, "name": resource.ref.name}
        for kind, value in hardware.identities(spec)
    ]
    if rows:
        await connection.execute(identities.insert(), rows)


async def forget_identities(connection: AsyncConnection, ref: Ref) -> None:
    """Free the ids of a Hardware."""
    columns = identities.c
    await connection.execute(
        identities.delete().where(columns.namespace == ref.namespace, columns.name == ref.name)
    )


async def delete(connection: AsyncConnection, ref: Ref) -> None:
    """Remove the resource."""
    await connection.execute(resources.delete().where(_is(ref)))
    if ref.kind is Kind.HARDWARE:
        await forget_identities(connection, ref)


async def set_netboot(connection: AsyncConnection, ref: Ref, allowed: bool | None, at: float) -> None:
    """Toggle a Hardware's allowPXE; None: back to what the operator wrote."""
    version = resources.c.version + 1
    await connection.execute(
        resources.update().where(_is(ref)).values(netboot=allowed, version=version, updated_at=at)
    )


async def owners(
    connection: AsyncConnection, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Ref]:
    """Which Hardware has each of these identities, where one has."""
    found: dict[tuple[str, str], Ref] = {}
    for kind in {kind for kind, _ in wanted}:
        values = [value for k, value in wanted if k == kind]
        for start in range(0, len(values), 500):  # SQLite bounds a statement's parameters
            columns = identities.c
            query = sa.select(identities).where(
                columns.kind == kind, columns.value.in_(values[start : start + 500])
            )
            for row in await connection.execute(query):
                found[row.kind, row.value] = Ref(Kind.HARDWARE, row.namespace, row.name)
    return found


async def hardware_of_agent(connection: AsyncConnection, agent: str) -> Resource | None:
    """The Hardware whose worker asks as `agent` (in canonical form)."""
    named, columns = identities.c, resources.c
    owner = sa.and_(columns.namespace == named.namespace, columns.name == named.name)
    query = (
        sa.select(resources)
        .join(identities, owner)
        .where(columns.kind == Kind.HARDWARE, named.kind == "agent", named.value == agent)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else resource_of(row)


async def every_hardware(connection: AsyncConnection) -> list[Resource]:
    """All Hardware."""
    columns = resources.c
    query = (
        sa.select(resources).where(columns.kind == Kind.HARDWARE).order_by(columns.namespace, columns.name)
    )
    return [resource_of(row) for row in (await connection.execute(query)).mappings()]


async def hardware_version(connection: AsyncConnection) -> tuple[int, int, float]:
    """Differs whenever any Hardware changed."""
    columns = resources.c
    query = sa.select(
        sa.func.count(), sa.func.coalesce(sa.func.sum(columns.version), 0), sa.func.max(columns.updated_at)
    ).where(columns.kind == Kind.HARDWARE)
    count, versions, updated = (await connection.execute(query)).one()
    return int(count), int(versions), float(updated or 0.0)
