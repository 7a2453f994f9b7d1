"""What was probably meant by a name that isn't there: the same name elsewhere, or one like it here."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.keys import nearest
from osie.tink.resources import Kind, Ref
from osie.tink.tables import resources

_MOST = 2000  # names that are looked through


async def candidates(connection: AsyncConnection, ref: Ref) -> list[Ref]:
    """The resources of its kind that have its name, or are in its namespace."""
    columns = resources.c
    alike = sa.or_(columns.name == ref.name, columns.namespace == ref.namespace)
    query = sa.select(columns.kind, columns.namespace, columns.name).where(columns.kind == ref.kind, alike)
    # Its own name first: of a large rack not all can be looked through.
    rows = await connection.execute(query.order_by(columns.name != ref.name, columns.name).limit(_MOST))
    return [Ref(Kind(row.kind), row.namespace, row.name) for row in rows]


def hint(ref: Ref, known: Iterable[Ref]) -> str:
    """What to add to `there is no ...`; "": nothing is near."""
    of_kind = [each for each in known if each.kind == ref.kind]
    elsewhere = sorted({each.namespace for each in of_kind if each.name == ref.name} - {ref.namespace})
    if elsewhere:
        return f"; there is one in namespace {', '.join(elsewhere[:3])}"
    near = nearest(ref.name, [each.name for each in of_kind if each.namespace == ref.namespace])
    return f"; did you mean {near!r}?" if near and near != ref.name else ""
