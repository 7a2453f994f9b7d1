"""When agents were last heard, in the store: one row for each agent of each workflow."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain.states_time import Heard
from osie.tink.domain.workflow import State
from osie.tink.store.tables import workflow_agents, workflows

_rows = workflow_agents.c


def is_news(known: Heard | None, at: float, beating: str, every_s: float) -> bool:
    """Whether to write it down: a write to the disk for each word would be many."""
    if known is None or (beating and known.beating != beating):
        return True
    return abs(at - known.at) > every_s  # a clock that was set back is news, too


async def note(
    connection: AsyncConnection, workflow_id: str, agents: Collection[str], at: float, beating: str = ""
) -> None:
    """The agent with these ids was heard; `beating`: by a heartbeat of this run."""
    values = {"heard_at": at} | ({"beating": beating} if beating else {})
    query = workflow_agents.update().where(_rows.workflow_id == workflow_id, _rows.agent.in_(agents))
    await connection.execute(query.values(**values))


async def of_workflow(connection: AsyncConnection, workflow_id: str) -> dict[str, Heard]:
    """The agents' last words, by their ids."""
    query = sa.select(workflow_agents).where(_rows.workflow_id == workflow_id, _rows.heard_at.is_not(None))
    return {row.agent: Heard(row.heard_at, row.beating) for row in await connection.execute(query)}


async def of_running(connection: AsyncConnection) -> dict[str, dict[str, Heard]]:
    """The same of every workflow that runs, by its id."""
    running = sa.select(workflows.c.id).where(workflows.c.state == State.RUNNING)
    query = sa.select(workflow_agents).where(_rows.workflow_id.in_(running), _rows.heard_at.is_not(None))
    found: dict[str, dict[str, Heard]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.workflow_id, {})[row.agent] = Heard(row.heard_at, row.beating)
    return found


def latest(heard: Mapping[str, Heard], agents: Collection[str]) -> Heard | None:
    """The last word of the agent with these ids."""
    words = [heard[agent] for agent in agents if agent in heard]
    return max(words, key=lambda word: word.at, default=None)
