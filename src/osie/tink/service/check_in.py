"""A machine's worker is up: its first question after each boot, and later ones now and then, are noted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain import topics
from osie.tink.service.notifier import Notifier
from osie.tink.store import agent_rows, journal
from osie.tink.store.database import Store

_SEEN_EVERY_S = 30.0  # how exact a machine's "last seen" is, while its worker only asks
_UP = "worker_up"


@dataclass(frozen=True)
class News:
    """What is to be noted of an agent that asks. `agent` is in its canonical form."""

    agent: str
    addresses: Sequence[str]  # the machine's
    mac: str  # the one under which it is noted
    up: bool  # the first question since the machine started; else: it is still there


async def news(connection: AsyncConnection, agent: str, macs: Sequence[str], at: float) -> News | None:
    """Of an agent on the machine with these hardware addresses; None: nothing that isn't known."""
    addresses = _addresses(agent, macs)
    if not addresses:
        return None
    last = await journal.last_of(connection, addresses, ("ipxe_script", _UP))
    mac = agent if agent in addresses else last["mac"] if last else addresses[0]
    if last is None or last["event"] != _UP:
        return News(agent, addresses, mac, up=True)
    row = (await journal.get(connection, [mac])).get(mac)
    recent = row is not None and at - row["last_seen"] <= _SEEN_EVERY_S
    return None if recent else News(agent, addresses, mac, up=False)


async def note(
    store: Store, notifier: Notifier, seen: News, attributes: dict[str, Any] | None, at: float
) -> None:
    """Journal it."""
    async with store.write() as connection:
        await journal.see(
            connection, seen.mac, at, attributes
        )  # locks: of two that ask at once, one is first
        still = await news(connection, seen.agent, seen.addresses, at)
        if still is not None and still.up:
            await journal.add_event(connection, still.mac, _UP, {"agent": seen.agent}, at)
    notifier.ring(topics.machine(seen.mac))


async def attributes_of(connection: AsyncConnection, agent: str) -> dict[str, Any]:
    """What the machine last told that it is made of; {} where it never did."""
    known = await agent_rows.agent(connection, agent)
    seen = await journal.get(connection, _addresses(agent, known.macs))
    told = sorted(
        (row for row in seen.values() if row["attributes"]), key=lambda row: float(row["last_seen"])
    )
    return dict(told[-1]["attributes"]) if told else {}


def _addresses(agent: str, macs: Sequence[str]) -> tuple[str, ...]:
    """The machine's hardware addresses; one that no Hardware has may be the agent's own id."""
    return (agent, *macs) if agent not in macs and agent.count(":") == 5 else tuple(macs)
