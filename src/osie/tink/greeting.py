"""A machine's worker is up: its first question after each boot, and later ones now and then, are noted."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink import hardware, journal, resource_rows
from osie.tink.hardware import HardwareSpec
from osie.tink.notifier import Notifier
from osie.tink.store import Store

_SEEN_EVERY_S = 30.0  # how exact a machine's "last seen" is, while its worker only asks


async def greet(
    store: Store, notifier: Notifier, agent: str, attributes: dict[str, Any] | None, at: float
) -> None:
    """Take note of an agent that asks. `agent` is in its canonical form."""
    async with store.read() as connection:
        mac, news = await _news(connection, agent, at)
    if mac is None or not news:
        return
    async with store.write() as connection:
        await journal.see(connection, mac, at, attributes)  # locks: of two that ask at once, one is first
        _, news = await _news(connection, agent, at)
        if news == "worker_up":
            await journal.add_event(connection, mac, "worker_up", {"agent": agent}, at)
    notifier.ring(f"machine:{mac}")


async def attributes_of(connection: AsyncConnection, agent: str) -> dict[str, Any]:
    """What the machine last told that it is made of; {} where it never did."""
    seen = await journal.get(connection, await _addresses(connection, agent))
    told = sorted(
        (row for row in seen.values() if row["attributes"]), key=lambda row: float(row["last_seen"])
    )
    return dict(told[-1]["attributes"]) if told else {}


async def _addresses(connection: AsyncConnection, agent: str) -> tuple[str, ...]:
    machine = await resource_rows.hardware_of_agent(connection, agent)
    macs = () if machine is None else hardware.macs(HardwareSpec.model_validate(machine.spec))
    return (agent, *macs) if agent not in macs and agent.count(":") == 5 else tuple(macs)


async def _news(connection: AsyncConnection, agent: str, at: float) -> tuple[str | None, str]:
    """The machine's hardware address, and what is to be journaled: "worker_up", "alive" or nothing."""
    macs = await _addresses(connection, agent)
    if not macs:
        return None, ""
    last = await journal.last_of(connection, macs, ("ipxe_script", "worker_up"))
    mac = agent if agent in macs else last["mac"] if last else macs[0]
    if last is None or last["event"] != "worker_up":
        return mac, "worker_up"
    row = (await journal.get(connection, [mac])).get(mac)
    return mac, "alive" if row is None or at - row["last_seen"] > _SEEN_EVERY_S else ""
