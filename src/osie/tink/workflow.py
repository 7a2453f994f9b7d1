"""What a workflow is: tasks of actions, where each stands, which is next. Values; states.py moves them."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """A workflow's states."""

    PREPARING = "PREPARING"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    POST = "POST"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"


class ActionState(StrEnum):
    """An action's states."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"


ENDED = frozenset({State.SUCCESS, State.FAILED, State.TIMEOUT})
ACTION_ENDED = frozenset({ActionState.SUCCESS, ActionState.FAILED, ActionState.TIMEOUT})


@dataclass(frozen=True)
class Action:
    """One container to run, and how far it is."""

    id: str  # names one run: a worker that has seen it does not run it again
    name: str
    image: str
    timeout_s: int  # 0: none
    command: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()  # the task's first
    environment: tuple[str, ...] = ()  # "KEY=VALUE"; the action's own in place of the task's
    pid: str = ""
    network_namespace: str = ""
    pid_namespace: str = ""
    reboot: bool = False
    state: ActionState = ActionState.PENDING
    handed_out_at: float | None = None
    started_at: float | None = None  # by our clock: a machine's may be off
    stopped_at: float | None = None
    duration: str = ""  # as the worker measured it
    message: str = ""


@dataclass(frozen=True)
class Task:
    """Actions for one agent."""

    id: str
    name: str
    worker: str  # as the template says
    agents: tuple[str, ...]  # the ids under which that agent may ask
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Workflow:
    """One workflow, and how far it is."""

    id: str
    namespace: str
    name: str
    hardware: str
    template: str
    tasks: tuple[Task, ...]
    global_timeout_s: int = 0  # from the first action's start; 0: none
    toggle_netboot: bool = False
    state: State = State.PREPARING
    created_at: float = 0.0
    started_at: float | None = None
    stopped_at: float | None = None
    message: str = ""

    @property
    def ended(self) -> bool:
        """Nothing can change any more."""
        return self.state in ENDED


@dataclass(frozen=True)
class Turn:
    """What an agent shall run now."""

    task: Task
    action: Action


def current(workflow: Workflow) -> Turn | None:
    """The first action that did not succeed, of the first task with such an action."""
    for task in workflow.tasks:
        for action in task.actions:
            if action.state is not ActionState.SUCCESS:
                return Turn(task, action)
    return None


def concerns(workflow: Workflow, agents: Collection[str]) -> bool:
    """Whether there is anything left in the workflow for any of these ids."""
    if workflow.ended:
        return False
    return any(
        set(agents) & set(task.agents) and any(a.state is not ActionState.SUCCESS for a in task.actions)
        for task in workflow.tasks
    )


def find(workflow: Workflow, action_id: str) -> Turn | None:
    """The action with this id."""
    for task in workflow.tasks:
        for action in task.actions:
            if action.id == action_id:
                return Turn(task, action)
    return None
