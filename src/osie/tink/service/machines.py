"""Use cases of the netboot service: which machines there are, and what happens to them.

`Machines` is what boots knows as its port of that name (osie.boots.machines). A `mac` is in normal form.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.contracts.machine import HOLDS, STARTS_OSIE, Answer, Machine, Netboot
from osie.tink.domain import hardware, topics
from osie.tink.domain.netboot import interfaces, with_netboot
from osie.tink.domain.resources import Resource
from osie.tink.domain.states import booted, netbooted
from osie.tink.domain.steps import Step
from osie.tink.domain.workflow import Cause, Workflow
from osie.tink.service.advancing import Advancing
from osie.tink.service.machine_log import MachineLog
from osie.tink.service.notifier import Notifier, wait
from osie.tink.store import agent_rows, journal, resource_rows, workflow_rows
from osie.tink.store.agent_rows import Agent
from osie.tink.store.database import Store

_LOOK_S = 5.0  # how soon a change by another server on the same store is noticed

Chosen = TypeVar("Chosen", bound=Answer)


class Machines:
    """The machines, as they netboot. One that netbooted `limit` times and got nowhere is held; 0: none is."""

    def __init__(self, store: Store, notifier: Notifier, workflows: Advancing, limit: int) -> None:
        self._store = store
        self._notifier = notifier
        self._workflows = workflows
        self._limit = limit
        self._lines = MachineLog(store, notifier, workflows.now)

    async def find(self, mac: str) -> Machine | None:
        """The interface with this address, if it is in a Hardware."""
        async with self._store.read() as connection:
            return await _interface(connection, mac)

    async def every(self) -> list[Machine]:
        """All interfaces that there are in Hardware."""
        async with self._store.read() as connection:
            machines = await resource_rows.every_hardware(connection)
        return [interface for machine in machines for interface in _interfaces(machine)]

    async def changes(self) -> AsyncIterator[None]:
        """Yields at once, and then whenever any Hardware changed, until the notifier is closed."""
        known = None
        with self._notifier.listening(topics.HARDWARE) as bell:
            while not self._notifier.closed:
                bell.clear()
                async with self._store.read() as connection:
                    version = await resource_rows.hardware_version(connection)
                if version != known:
                    known = version
                    yield
                else:
                    await wait(bell, _LOOK_S)

    async def netbooted(self, netboot: Netboot, choose: Callable[[Machine | None], Chosen]) -> Chosen:
        """Answer a machine that came to iPXE, by what `choose` makes of what is known of it; keep both.

        One transaction: the start is taken in, the answer chosen and kept, or none of it.
        """
        if netboot.asked:  # held at iPXE, it asks whether anything changed
            answer = choose(await self.find(netboot.mac))
            if answer.kind in HOLDS:
                return answer
        async with self._store.write() as connection:
            agent = await agent_rows.agent(connection, netboot.mac)
            steps = [] if netboot.asked else [await self._booted(connection, agent)]
            machine = await _interface(connection, netboot.mac)
            answer = choose(machine)
            if answer.kind in STARTS_OSIE:
                counted = await self._at(
                    connection, agent, lambda workflow, _: netbooted(workflow, agent.names)
                )
                steps.append(counted)
            if machine is None and not netboot.asked:
                found = {"by": "ipxe", "address": netboot.address, **netboot.facts}
                await self._add(connection, netboot.mac, "discovered", found)
            await self._add(connection, netboot.mac, "ipxe_script", {"kind": answer.kind, **netboot.facts})
        self._ring(netboot.mac, steps)
        return answer

    async def phoned_home(self, mac: str, posted: Mapping[str, object], *, itself: bool) -> None:
        """Keep what an installed OS says of itself. `itself`: from its own address, so it has started."""
        async with self._store.write() as connection:
            await self._add(connection, mac, "phone_home", posted)
            steps = []
            if itself:  # what somebody else says of it settles nothing
                steps = [await self._booted(connection, await agent_rows.agent(connection, mac))]
        self._ring(mac, steps)

    async def record(
        self, mac: str, event: str, fields: Mapping[str, object], at: float | None = None
    ) -> None:
        """Put an event into the machine's journal, whether it is known or not."""
        async with self._store.write() as connection:
            await self._add(connection, mac, event, fields, at)
        self._ring(mac, [])

    async def log(self, mac: str, line: str) -> None:
        """Keep a line that the machine sent to syslog; it is stored within a moment."""
        self._lines.add(mac, line)

    async def flush(self) -> None:
        """Store the lines that wait."""
        await self._lines.flush()

    async def close(self) -> None:
        """Store the lines that wait, for the last time."""
        await self._lines.close()

    async def _add(
        self, connection: AsyncConnection, mac: str, event: str, fields: Mapping[str, object],
        at: float | None = None,
    ) -> None:  # fmt: skip
        at = self._workflows.now() if at is None else at
        await journal.add_event(connection, mac, event[:64], fields, at)

    async def _booted(self, connection: AsyncConnection, agent: Agent) -> Step | None:
        """The machine started anew: a reboot that was handed out to it is done, or it goes in circles."""
        return await self._at(
            connection, agent, lambda workflow, at: booted(workflow, agent.names, at, self._limit)
        )

    async def _at(
        self, connection: AsyncConnection, agent: Agent, event: Callable[[Workflow, float], Step]
    ) -> Step | None:
        """Move the workflow that the machine is at, if it is at one."""
        if not agent.may_work:
            return None
        seen = await agent_rows.oldest(connection, agent.names)
        if seen is None:
            return None
        return await self._workflows.step(connection, seen.namespace, seen.name, event)

    def _ring(self, mac: str, steps: list[Step | None]) -> None:
        for step in steps:
            if step is not None:
                self._workflows.ring(step)
        self._notifier.ring(topics.machine(mac))


async def _interface(connection: AsyncConnection, mac: str) -> Machine | None:
    machine = await resource_rows.hardware_of_agent(connection, mac)
    if machine is None:
        return None
    mine = next((interface for interface in _interfaces(machine) if interface.mac == mac), None)
    return None if mine is None else replace(mine, stopped=await _stopped(connection, machine))


async def _stopped(connection: AsyncConnection, machine: Resource) -> str:
    """Why the machine is not to boot again; "": it may."""
    agents = hardware.agents(hardware.HardwareSpec.model_validate(machine.spec))
    last = await workflow_rows.last_of_agents(connection, agents)
    if last is None or last.cause is not Cause.LOOP:
        return ""
    return f"workflow {last.namespace}/{last.name}: {last.message}"


def _interfaces(machine: Resource) -> list[Machine]:
    return interfaces(with_netboot(machine.spec, machine.netboot))
