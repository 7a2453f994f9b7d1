"""The machines' journal in the store: who was seen, what happened to them, what they logged. Bounded."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.store.database import insert
from osie.tink.store.tables import machine_events, machine_logs, machines

EVENTS = 1_000  # kept of a machine
LOG_LINES = 10_000


async def see(
    connection: AsyncConnection, mac: str, at: float, attributes: dict[str, Any] | None = None
) -> None:
    """Note that the machine showed itself. It locks the machine's row: its events come to light in order."""
    news: dict[str, Any] = {"last_seen": at} | ({"attributes": attributes} if attributes else {})
    statement = insert(connection, machines).values(
        mac=mac, first_seen=at, last_seen=at, attributes=attributes or {}
    )
    await connection.execute(statement.on_conflict_do_update(index_elements=["mac"], set_=news))


async def add_event(
    connection: AsyncConnection,
    mac: str,
    event: str,
    fields: Mapping[str, object],
    at: float,
    *,
    kept: int = EVENTS,
) -> None:
    """Journal an event of a machine, of which the latest `kept` stay."""
    await see(connection, mac, at)
    await connection.execute(machine_events.insert().values(mac=mac, at=at, event=event, fields=dict(fields)))
    await _prune(connection, machine_events, mac, kept)


async def add_lines(connection: AsyncConnection, lines: Sequence[tuple[str, float, str]]) -> None:
    """Journal (mac, at, text) lines of machines' logs."""
    if not lines:
        return
    latest = {mac: at for mac, at, _ in lines}
    for mac in sorted(latest):  # always in one order: two transactions can't lock each other out
        await see(connection, mac, latest[mac])
    await connection.execute(
        machine_logs.insert(), [{"mac": mac, "at": at, "text": text} for mac, at, text in lines]
    )
    for mac in latest:
        await _prune(connection, machine_logs, mac, LOG_LINES)


async def _prune(connection: AsyncConnection, table: sa.Table, mac: str, kept: int) -> None:
    columns = table.c
    surplus = (
        sa.select(columns.id)
        .where(columns.mac == mac)
        .order_by(columns.id.desc())
        .offset(kept)
        .limit(1)
        .scalar_subquery()
    )
    await connection.execute(table.delete().where(columns.mac == mac, columns.id <= surplus))


async def last_of(
    connection: AsyncConnection, macs: Collection[str], events: Collection[str]
) -> sa.RowMapping | None:
    """The latest event of these kinds on any of these addresses."""
    columns = machine_events.c
    query = (
        sa.select(machine_events)
        .where(columns.mac.in_(macs), columns.event.in_(events))
        .order_by(columns.id.desc())
        .limit(1)
    )
    return (await connection.execute(query)).mappings().first()


async def after(
    connection: AsyncConnection, table: sa.Table, mac: str, last_id: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Rows of machine_events or machine_logs behind `last_id`, in order."""
    columns = table.c
    query = sa.select(table).where(columns.mac == mac, columns.id > last_id).order_by(columns.id).limit(limit)
    return (await connection.execute(query)).mappings().all()


async def get(connection: AsyncConnection, macs: Collection[str]) -> dict[str, sa.RowMapping]:
    """Those of the machines that were seen."""
    query = sa.select(machines).where(machines.c.mac.in_(macs))
    return {row["mac"]: row for row in (await connection.execute(query)).mappings()}


async def last_events(connection: AsyncConnection, macs: Collection[str]) -> dict[str, sa.RowMapping]:
    """Each machine's latest event."""
    columns = machine_events.c
    newest = sa.select(sa.func.max(columns.id)).where(columns.mac.in_(macs)).group_by(columns.mac)
    query = sa.select(machine_events).where(columns.id.in_(newest))
    return {row["mac"]: row for row in (await connection.execute(query)).mappings()}
