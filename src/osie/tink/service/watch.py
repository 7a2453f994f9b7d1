"""What happens to workflows without anybody's word: time passes."""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from osie.tink.domain.states_time import Clock, Heard, Patience, expire, listen
from osie.tink.domain.steps import Step
from osie.tink.domain.workflow import Workflow, current
from osie.tink.service.advancing import Advancing
from osie.tink.store import heartbeat_rows, workflow_rows
from osie.tink.store.database import Store

_log = structlog.get_logger("osie.tink")


class Watch:
    """Notices what is overdue, and who is silent."""

    def __init__(self, store: Store, workflows: Advancing, patience: Patience) -> None:
        self._store = store
        self._workflows = workflows
        self._patience = patience

    async def look(self, serving_since: float, skipped: Sequence[tuple[float, float]] = ()) -> None:
        """Look at every workflow that runs. `skipped`: as in states_time.Clock."""
        async with self._store.read() as connection:
            running = await workflow_rows.unfinished(connection)
            attended = await heartbeat_rows.of_running(connection)
        for seen in running:
            heard = _of_turn(seen, attended.get(seen.id, {}))

            def event(workflow: Workflow, at: float, heard: Heard | None = heard) -> Step:
                clock = Clock(at, serving_since, skipped)
                overdue = expire(workflow, clock)
                return overdue if overdue.changes else listen(workflow, heard, clock, self._patience)

            try:
                await self._advance(seen, event)
            except (SQLAlchemyError, OSError):
                raise
            except Exception:  # noqa: BLE001 - a mistake of ours in one of them: the others' timeouts count on
                _log.exception("workflow not looked at", workflow=f"{seen.namespace}/{seen.name}")

    async def _advance(self, seen: Workflow, event: Callable[[Workflow, float], Step]) -> None:
        """Only what would change something takes a lock."""
        if event(seen, self._workflows.now()).workflow != seen:
            await self._workflows.advance(seen.namespace, seen.name, event)


def _of_turn(workflow: Workflow, heard: dict[str, Heard]) -> Heard | None:
    turn = current(workflow)
    return None if turn is None else heartbeat_rows.latest(heard, turn.task.agents)
