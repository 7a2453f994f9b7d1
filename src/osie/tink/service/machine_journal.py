"""Use cases of the netboot service: which machines there are, and what happened to them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.contracts import mac as macs
from osie.tink.domain import hardware, topics
from osie.tink.domain.netboot import NetbootInterface, interfaces, with_netboot
from osie.tink.domain.resources import Resource
from osie.tink.domain.workflow import Cause
from osie.tink.service.notifier import Notifier, wait
from osie.tink.store import journal, resource_rows, workflow_rows
from osie.tink.store.database import Store, said

_FLUSH_S = 0.25  # log lines are gathered for this long: a commit is a write to the disk
_LOOK_S = 5.0  # how soon a change by another server on the same store is noticed
_MOST_WAITING = 10_000
_NETBOOTS = ("install", "custom")  # what boots calls its scripts

_log = structlog.get_logger("osie.tink")


class MachineJournal:
    """Who netboots, and what they were seen doing. `netbooted` is told of each that gets Osie to boot."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        netbooted: Callable[[str], Awaitable[None]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._netbooted = netbooted
        self._now = now
        self._lines: list[tuple[str, float, str]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def record(
        self, mac: str, event: str, fields: Mapping[str, object], at: float | None = None
    ) -> None:
        """Journal an event. An `ipxe_script` that boots Osie, or what stands for it, counts as a netboot."""
        address = macs.normalise(mac)
        if event == "ipxe_script" and fields.get("kind") in _NETBOOTS:
            await self._netbooted(address)
        async with self._store.write() as connection:
            await journal.add_event(
                connection, address, event[:64], fields, self._now() if at is None else at
            )
        self._notifier.ring(topics.machine(address))

    def log(self, mac: str, line: str, at: float | None = None) -> None:
        """File a line of the machine's log; it is stored within a moment, together with its neighbours."""
        if len(self._lines) >= _MOST_WAITING:
            del self._lines[0]
        text = line.replace("\0", "\ufffd")[:8192]
        self._lines.append((macs.normalise(mac), self._now() if at is None else at, text))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_FLUSH_S)
        try:
            await self.flush()
        except (SQLAlchemyError, OSError) as error:  # the database is away: the next line tries again
            _log.warning("machines' lines not stored", waiting=len(self._lines), error=said(error))

    async def flush(self) -> None:
        """Store the lines that wait. Those that can't be stored go on waiting."""
        while self._lines:
            lines, self._lines = self._lines, []
            try:
                async with self._store.write() as connection:
                    await journal.add_lines(connection, lines)
            except BaseException:
                self._lines = [*lines, *self._lines][-_MOST_WAITING:]
                raise
            for address in {address for address, _, _ in lines}:
                self._notifier.ring(topics.machine(address))

    async def close(self) -> None:
        """Store what waits, for the last time."""
        if self._flusher is not None:
            self._flusher.cancel()
            with suppress(asyncio.CancelledError):
                await self._flusher
        await self.flush()

    async def find(self, mac: str) -> NetbootInterface | None:
        """The interface with this address, if it is in a Hardware and DHCP shall serve it."""
        address = macs.normalise(mac)
        async with self._store.read() as connection:
            machine = await resource_rows.hardware_of_agent(connection, address)
            stopped = "" if machine is None else await _stopped(connection, machine)
        mine = () if machine is None else _of(machine)
        return next((replace(i, stopped=stopped) for i in mine if i.mac == address), None)

    async def every(self) -> list[NetbootInterface]:
        """All interfaces that DHCP shall serve."""
        async with self._store.read() as connection:
            machines = await resource_rows.every_hardware(connection)
        return [interface for machine in machines for interface in _of(machine)]

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


async def _stopped(connection: AsyncConnection, machine: Resource) -> str:
    """Why the machine is not to boot again; "": it may."""
    agents = hardware.agents(hardware.HardwareSpec.model_validate(machine.spec))
    last = await workflow_rows.last_of_agents(connection, agents)
    if last is None or last.cause is not Cause.LOOP:
        return ""
    return f"workflow {last.namespace}/{last.name}: {last.message}"


def _of(machine: Resource) -> list[NetbootInterface]:
    return interfaces(with_netboot(machine.spec, machine.netboot))
