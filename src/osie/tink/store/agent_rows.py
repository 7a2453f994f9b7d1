"""Which workflows and machines an agent's words are about, in the store."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain import hardware
from osie.tink.domain.hardware import HardwareSpec, canonical_agent
from osie.tink.domain.steps import UnknownActionError
from osie.tink.domain.workflow import Workflow, concerns
from osie.tink.store import resource_rows, workflow_rows


@dataclass(frozen=True)
class Agent:
    """Who asks: the ids and hardware addresses of its machine, and whether the operator lets it have work."""

    names: frozenset[str]
    macs: tuple[str, ...] = ()
    may_work: bool = True


async def agent(connection: AsyncConnection, agent_id: str) -> Agent:
    """The agent that gives itself this id."""
    asked = canonical_agent(agent_id)
    machine = await resource_rows.hardware_of_agent(connection, asked)
    if machine is None:
        return Agent(frozenset({asked}))
    spec = HardwareSpec.model_validate(machine.spec)
    return Agent(frozenset({asked, *hardware.agents(spec)}), hardware.macs(spec), hardware.may_work(spec))


async def oldest(connection: AsyncConnection, agents: Collection[str]) -> Workflow | None:
    """The first workflow in the agent's queue that has something left for it."""
    mine = await workflow_rows.of_agents(connection, agents)
    return next((workflow for workflow in mine if concerns(workflow, agents)), None)


def split(workflow_id: str) -> tuple[str, str]:
    """Namespace and name of what the wire calls NAMESPACE/NAME."""
    namespace, _, name = workflow_id.rpartition("/")
    return namespace or "default", name


async def named(connection: AsyncConnection, workflow_id: str, *, lock: bool = False) -> Workflow:
    """The workflow that the wire calls so. Raises UnknownActionError."""
    workflow = await workflow_rows.get(connection, *split(workflow_id), lock=lock)
    if workflow is None:
        raise UnknownActionError(f"there is no workflow {workflow_id}")
    return workflow
