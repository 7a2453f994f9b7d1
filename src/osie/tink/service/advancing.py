"""A workflow's next step, stored: read under its lock, moved, saved with its events, and told."""

import time
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain import topics
from osie.tink.domain.steps import Step
from osie.tink.domain.workflow import Cause, State, Workflow
from osie.tink.service import notify_listener
from osie.tink.service.applying import hardware_of, release_netboot
from osie.tink.service.notifier import Notifier
from osie.tink.store import resource_rows, workflow_rows
from osie.tink.store.database import Store


class Advancing:
    """Moves workflows, each step and its events in one transaction."""

    def __init__(self, store: Store, notifier: Notifier, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._notifier = notifier
        self.now = now

    async def advance(
        self, namespace: str, name: str, event: Callable[[Workflow, float], Step]
    ) -> Step | None:
        """What `event` makes of the workflow at this moment; None where there is no such workflow."""
        async with self._store.write() as connection:
            step = await self.step(connection, namespace, name, event)
        if step is not None:
            self.ring(step)
        return step

    async def step(
        self,
        connection: AsyncConnection,
        namespace: str,
        name: str,
        event: Callable[[Workflow, float], Step],
    ) -> Step | None:
        """The same within a transaction; the caller rings once that is over."""
        at = self.now()
        workflow = await workflow_rows.get(connection, namespace, name, lock=True)
        if workflow is None:
            return None
        step = event(workflow, at)
        if step.workflow != workflow:
            await _save(connection, workflow, step, at)
        if step.changes:
            await notify_listener.announce(connection, topics.agents(step.workflow))
        return step

    def ring(self, step: Step) -> None:
        """Wake who follows the workflow, who serves its machine, and whose turn it may be."""
        if step.changes:
            self._notifier.ring(topics.workflow(step.workflow), *topics.agents(step.workflow))
            if any(change.action is None for change in step.changes):
                self._notifier.ring(topics.HARDWARE)


async def _save(connection: AsyncConnection, before: Workflow, step: Step, at: float) -> None:
    after = step.workflow
    begins_again = before.ended and not after.ended
    await workflow_rows.save(connection, step, at, queue=begins_again)
    if not after.toggle_netboot or before.state == after.state:
        return
    if begins_again:
        await resource_rows.set_netboot(connection, hardware_of(after), True, at)
    elif after.state is State.SUCCESS:
        await release_netboot(connection, after, False, at)
    elif after.cause is Cause.CANCELLED and not after.began:  # in time: the disk is as it was
        await release_netboot(connection, after, None, at)
