"""The workflow engine, put together: one object that the servers and the composition talk to."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from osie.tink.domain.served_network import ServedNetwork
from osie.tink.domain.states_time import Patience
from osie.tink.service import notify_listener
from osie.tink.service.advancing import Advancing
from osie.tink.service.applying import Applying
from osie.tink.service.clock_jumps import ClockJumps
from osie.tink.service.dispatch import Dispatch
from osie.tink.service.machines import Machines
from osie.tink.service.notifier import Notifier
from osie.tink.service.operating import Operating
from osie.tink.service.rewriting import Rewriting
from osie.tink.service.watch import Watch
from osie.tink.store.database import Store, said

_log = structlog.get_logger("osie.tink")


class Tink:
    """`async with Tink(store) as tink`: timeouts are enforced within. The store stays the caller's."""

    def __init__(
        self,
        store: Store,
        *,
        rewrite_images: Mapping[str, str] | None = None,
        require_verified: bool = False,
        patience: Patience | None = None,
        network: ServedNetwork | None = None,
        tick_s: float = 5.0,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.network = network
        self.notifier = Notifier()
        self.resources = Applying(store, self.notifier, now, network)
        workflows = Advancing(store, self.notifier, now)
        self.operations = Operating(workflows)
        patience = patience or Patience()
        rewriting = Rewriting(rewrite_images, require_verified=require_verified)
        self.agents = Dispatch(store, self.notifier, rewriting=rewriting, patience=patience, now=now)
        self.watch = Watch(store, workflows, patience)
        self.machines = Machines(store, self.notifier, workflows, patience.netboot_limit)
        self._tick_s = tick_s
        self._time = ClockJumps(now, steady)
        self._working: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Tink":
        self._working = [asyncio.create_task(self._ticks())]
        if self.store.shared:
            self._working.append(asyncio.create_task(notify_listener.hear(self.store, self.notifier)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end_streams()
        for task in self._working:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.agents.close()
        await self.machines.close()

    def end_streams(self) -> None:
        """End every stream of events and logs: an HTTP server waits for them when it stops."""
        self.notifier.close()

    async def tick(self) -> None:
        """Look at the clock and at every workflow that runs; done by itself every `tick_s`."""
        self._time.look()
        await self.watch.look(self._time.since, self._time.skipped)

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            try:
                await self.tick()
            except (SQLAlchemyError, OSError) as error:  # the database is away: the next tick looks again
                _log.warning("tick failed", error=said(error))
            except Exception:  # noqa: BLE001 - a mistake of ours shall not end every timeout there is
                _log.exception("tick failed")
