"""What a workflow is: tasks of actions, where each stands, which is next. Values; states.py moves them."""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

_RUNS = uuid.UUID("5a6b1f5c-6f0f-4d0c-9a53-0f51e0a1c0de")  # where ids that follow from others come from


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
    SKIPPED = "SKIPPED"  # its `if` said so; never on the wire


class Cause(StrEnum):
    """Why a workflow failed or timed out."""

    NONE = ""
    ACTION = "action"
    ACTION_TIMEOUT = "action-timeout"
    GLOBAL_TIMEOUT = "global-timeout"
    CANCELLED = "cancelled"
    SILENT = "silent"
    LOOP = "loop"


ENDED = frozenset({State.SUCCESS, State.FAILED, State.TIMEOUT})
ACTION_DONE = frozenset({ActionState.SUCCESS, ActionState.SKIPPED})
ACTION_ENDED = frozenset({*ACTION_DONE, ActionState.FAILED, ActionState.TIMEOUT})


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
    retries: int = 0  # further attempts after the first
    retry_backoff_s: int = 5  # before the second attempt; twice as long before each one after it
    on_failure: tuple[str, ...] = ()  # the hooks' commands; (): none
    on_timeout: tuple[str, ...] = ()
    condition: str = ""  # a Go template pipeline; "": none
    decided: bool = False  # the condition holds
    state: ActionState = ActionState.PENDING
    attempt: int = 1
    not_before: float | None = None  # when the next attempt may begin
    past_ids: tuple[str, ...] = ()  # of earlier runs: what is still said about those changes nothing
    hook: "Action | None" = None  # what runs, or ran, because this action did not succeed
    handed_out_at: float | None = None
    boot_id: str = ""  # of the machine when the action was last handed out to it; "": it did not tell
    started_at: float | None = None  # by our clock: a machine's may be off
    stopped_at: float | None = None
    duration: str = ""  # as the worker measured it
    message: str = ""  # of the last attempt that ended


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
    disabled: bool = False  # it stays PREPARING until it is applied anew without
    state: State = State.PREPARING
    created_at: float = 0.0
    started_at: float | None = None
    stopped_at: float | None = None
    message: str = ""
    cause: Cause = Cause.NONE
    run: int = 1  # how often it was begun from its first action
    boots: int = 0  # netboots since an action last succeeded
    silent_since: float | None = None  # when its agent was last heard; None: it is not silent

    @property
    def ended(self) -> bool:
        """Nothing can change any more, unless an operator begins it again."""
        return self.state in ENDED

    @property
    def began(self) -> bool:
        """An action was begun, in this run or an earlier one: what it did to the disk is still there."""
        return any(
            action.past_ids or action.state is not ActionState.PENDING
            for task in self.tasks
            for action in task.actions
        )


@dataclass(frozen=True)
class Turn:
    """What an agent shall run now."""

    task: Task
    action: Action  # a hook is an action, too


def current(workflow: Workflow) -> Turn | None:
    """The first action that is not done, of the first task with such an action; or that action's hook."""
    for task in workflow.tasks:
        for action in task.actions:
            if action.state in ACTION_DONE:
                continue
            hook = action.hook
            return Turn(task, action if hook is None or hook.state in ACTION_ENDED else hook)
    return None


def turn_of(workflow: Workflow) -> Turn | None:
    """What its agent shall run now; None: nothing, since the workflow ended or is disabled."""
    return None if workflow.ended or workflow.disabled else current(workflow)


def concerns(workflow: Workflow, agents: Collection[str]) -> bool:
    """Whether there is anything left in the workflow for any of these ids."""
    if workflow.ended or workflow.disabled:
        return False
    return any(
        set(agents) & set(task.agents) and any(a.state not in ACTION_DONE for a in task.actions)
        for task in workflow.tasks
    )


def find(workflow: Workflow, action_id: str) -> Turn | None:
    """The action, or the hook, whose present run has this id."""
    for task in workflow.tasks:
        for action in task.actions:
            for each in (action, action.hook):
                if each is not None and each.id == action_id:
                    return Turn(task, each)
    return None


def next_id(action_id: str) -> str:
    """The id of the run after this one. It follows from it, so that deciding twice decides the same."""
    return str(uuid.uuid5(_RUNS, f"{action_id} again"))


def hook_name(name: str, ended: ActionState) -> str:
    """What the hook of an action that ended so is called."""
    return f"{name}.{'on-timeout' if ended is ActionState.TIMEOUT else 'on-failure'}"


def hook_id(action_id: str, ended: ActionState) -> str:
    """The id of the hook's run, for the action's run with this id."""
    return str(uuid.uuid5(_RUNS, f"{action_id} {ended}"))


def runs(workflow: Workflow) -> Iterator[tuple[str, str, str]]:
    """(id, task's name, action's name) of every run there was or is, hooks' included."""
    for task in workflow.tasks:
        for action in task.actions:
            for run in (*action.past_ids, action.id):
                yield run, task.name, action.name
                for ended in (ActionState.FAILED, ActionState.TIMEOUT):
                    yield hook_id(run, ended), task.name, hook_name(action.name, ended)


def find_past(workflow: Workflow, run_id: str) -> Turn | None:
    """The action that an earlier run with this id was one of, or a hook of; also a hook that never began."""
    for task in workflow.tasks:
        for action in task.actions:
            for past in (*action.past_ids, action.id):
                hooks = (hook_id(past, ended) for ended in (ActionState.FAILED, ActionState.TIMEOUT))
                if run_id == past or run_id in hooks:
                    return Turn(task, action)
    return None
