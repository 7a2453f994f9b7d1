"""What the notifier's bells are about, and whose ring when a workflow moves."""

from collections.abc import Iterator

from osie.tink.domain.hardware import canonical_agent
from osie.tink.domain.workflow import Workflow

HARDWARE = "hardware"  # any change of Hardware


def machine(address: str) -> str:
    """What is seen of the machine with this hardware address."""
    return f"machine:{address}"


def workflow(moved: Workflow) -> str:
    """A workflow's events and logs."""
    return f"workflow:{moved.id}"


def agent(agent_id: str) -> str:
    """There may be something to do for the agent that asks under this id."""
    return f"agent:{canonical_agent(agent_id)}"


def agents(moved: Workflow) -> Iterator[str]:
    """There may be for those of a workflow."""
    return (agent(name) for name in {name for task in moved.tasks for name in task.agents})
