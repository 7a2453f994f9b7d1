"""Which names in the store are near one that isn't there."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain.resources import Kind, Ref
from osie.tink.store.tables import resources

_MOST = 2000  # names that are looked through


async def candidates(connection: AsyncConnection, ref: Ref) -> list[Ref]:
    """The resources of its kind that have its name, or are in its namespace."""
    columns = resources.c
    alike = sa.or_(columns.name == ref.name, columns.namespace == ref.namespace)
    query = sa.select(columns.kind, columns.namespace, columns.name).where(columns.kind == ref.kind, alike)
    # Its own name first: of a large rack not all can be looked through.
    rows = await connection.execute(query.order_by(columns.name != ref.name, columns.name).limit(_MOST))
    return [Ref(Kind(row.kind), row.namespace, row.name) for row in rows]
