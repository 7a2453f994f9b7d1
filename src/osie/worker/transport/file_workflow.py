"""A rendered template as a list of steps, and which is next: what a server does, as far as a file can.

The document is the one that `osie render -o json` prints. Retries with backoff, hooks, timeouts and reboots
are done as a server does them; `if` needs a server, and so does a task of another machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from osie.contracts import mac
from osie.worker.action import Action, State

_HOOK_TIMEOUT_S = 300  # of a hook whose action has none
MOST_BACKOFF_S = 300
_ACTION_KEYS = {"name", "image", "rewrittenFrom", "timeout", "command", "volumes", "environment", "pid"}
_ACTION_KEYS |= {"namespaces", "reboot", "retries", "retry-backoff", "on-timeout", "on-failure"}
_TASK_KEYS = {"name", "worker", "volumes", "environment", "actions"}
_KEYS = {"version", "name", "global_timeout", "tasks"}


@dataclass(frozen=True)
class Step:
    """An action and what is done when it doesn't succeed."""

    action: Action  # its ID is the first part of those of its runs
    retries: int = 0  # further attempts
    backoff_s: int = 5  # before the second attempt; doubled for each one after it
    on_failure: tuple[str, ...] = ()
    on_timeout: tuple[str, ...] = ()
    reboot: bool = False  # done when the machine comes back


@dataclass(frozen=True)
class Plan:
    """The steps, in order."""

    steps: tuple[Step, ...]
    timeout_s: int = 0  # of all together; 0: none


@dataclass(frozen=True)
class Told:
    """The last status of a run."""

    state: State
    started_at: float  # unix seconds
    finished_at: float | None  # unix seconds
    boot: str  # names the machine's start at which it was told


@dataclass(frozen=True)
class Next:
    """What comes next: an action, not before some time; or the end, well or not."""

    action: Action | None
    not_before: float = 0.0  # unix seconds
    failed: bool = False


def find_next(plan: Plan, told: Mapping[str, Told], *, now: float, boot: str) -> Next:
    """What comes next, by the statuses of the runs so far."""
    begun_at = min((one.started_at for one in told.values()), default=now)
    left_s = begun_at + plan.timeout_s - now
    for step in plan.steps:
        following = _of(step, told, boot)
        if following is None:
            continue
        if following.action is None or not plan.timeout_s:
            return following
        if left_s <= 0:
            return Next(None, failed=True)
        timeout_s = min(following.action.timeout_s or plan.timeout_s, max(1, int(left_s)))
        return replace(following, action=replace(following.action, timeout_s=timeout_s))
    return Next(None)


def _of(step: Step, told: Mapping[str, Told], boot: str) -> Next | None:
    """What comes next in this step; None where it has succeeded."""
    not_before, last = 0.0, State.FAILED
    for attempt in range(step.retries + 1):
        run = replace(step.action, action_id=f"{step.action.action_id}.{attempt + 1}")
        known = told.get(run.action_id)
        if known is None:
            return Next(run, not_before)
        if known.state is State.RUNNING and not (step.reboot and known.boot != boot):
            return Next(run)
        if known.state in {State.RUNNING, State.SUCCESS}:
            return None
        pause_s = min(step.backoff_s * 2**attempt, MOST_BACKOFF_S)
        not_before, last = (known.finished_at or 0.0) + pause_s, known.state
    hook = _hook(step, last)
    known = told.get(hook.action_id) if hook else None
    return Next(hook) if hook and (known is None or known.state is State.RUNNING) else Next(None, failed=True)


def _hook(step: Step, state: State) -> Action | None:
    """What runs after the last attempt ended so, or None."""
    kind, command = (
        ("on-timeout", step.on_timeout) if state is State.TIMEOUT else ("on-failure", step.on_failure)
    )
    if not command:
        return None
    of = step.action
    timeout_s = of.timeout_s or _HOOK_TIMEOUT_S
    return replace(
        of,
        action_id=f"{of.action_id}.{kind}",
        name=f"{of.name}.{kind}",
        command=command,
        timeout_s=timeout_s,
    )


def parse(document: Any, *, agent_id: str, prefix: str) -> Plan:
    """The plan of a document; `prefix` begins the IDs of its runs. Raises ValueError, all errors in lines."""
    reader = _Reader(agent_id, prefix)
    plan = reader.plan(document)
    if reader.wrong:
        raise ValueError("\n".join(reader.wrong))
    return plan


class _Reader:
    """Takes a document apart, and notes each thing that is wrong with its place."""

    def __init__(self, agent_id: str, prefix: str) -> None:
        self.wrong: list[str] = []
        self._agent_id = agent_id
        self._prefix = prefix

    def plan(self, given: Any) -> Plan:
        root = self._mapping(given, "the document", _KEYS)
        tasks = self._list(root.get("tasks"), "tasks")
        if not tasks:
            self.wrong.append("tasks: there are none")
        timeout_s = self._number(root, "global_timeout", "", 0)
        return Plan(tuple(step for n, task in enumerate(tasks) for step in self._task(n, task)), timeout_s)

    def _task(self, number: int, given: Any) -> Iterator[Step]:
        at = f"tasks[{number}]"
        task = self._mapping(given, at, _TASK_KEYS)
        worker = str(task.get("worker") or "")
        if worker and _canonical(worker) != _canonical(self._agent_id):
            self.wrong.append(
                f"{at}.worker: {worker} is another machine than ours, {self._agent_id}: that takes a server, "
                f"or WORKER_ID={worker}"
            )
        for index, action in enumerate(self._list(task.get("actions"), f"{at}.actions")):
            yield self._step(
                f"{at}.actions[{index}]", f"{self._prefix}-{number + 1}-{index + 1}", task, action
            )

    def _step(self, at: str, identity: str, task: Mapping[str, Any], given: Any) -> Step:
        if isinstance(given, dict) and given.get("if"):
            self.wrong.append(f"{at}.if: conditions take a server")
        own = self._mapping(given, at, _ACTION_KEYS | {"if"})
        for key in ("name", "image"):
            if not own.get(key):
                self.wrong.append(f"{at}.{key}: missing")
        namespaces = self._mapping(own.get("namespaces") or {}, f"{at}.namespaces", {"network", "pid"})
        environment = {
            str(name): _text(value)
            for of in (task, own)
            for name, value in self._mapping(of.get("environment") or {}, f"{at}.environment").items()
        }
        action = Action(
            workflow_id="file",
            task_id=str(task.get("name") or "file"),
            agent_id=self._agent_id,
            action_id=identity,
            name=str(own.get("name", "")),
            image=str(own.get("image", "")),
            timeout_s=self._number(own, "timeout", at, 0),
            command=self._texts(own, "command", at),
            volumes=(*self._texts(task, "volumes", at), *self._texts(own, "volumes", at)),
            environment=tuple(f"{name}={value}" for name, value in environment.items()),
            network=str(namespaces.get("network") or ""),
            pid=str(namespaces.get("pid") or own.get("pid") or ""),
        )
        return Step(
            action=action,
            retries=self._number(own, "retries", at, 0),
            backoff_s=self._number(own, "retry-backoff", at, 5),
            on_failure=self._texts(own, "on-failure", at),
            on_timeout=self._texts(own, "on-timeout", at),
            reboot=own.get("reboot") is True,
        )

    def _mapping(self, given: Any, at: str, keys: set[str] | None = None) -> Mapping[str, Any]:
        if not isinstance(given, dict):
            self.wrong.append(f"{at}: expected keys and values")
            return {}
        if keys is not None:
            self.wrong += [f"{at}: {key}: there is no such key" for key in given if key not in keys]
        return given

    def _list(self, given: Any, at: str) -> Sequence[Any]:
        if given is None or isinstance(given, list):
            return given or []
        self.wrong.append(f"{at}: expected a list")
        return []

    def _texts(self, given: Mapping[str, Any], key: str, at: str) -> tuple[str, ...]:
        return tuple(_text(item) for item in self._list(given.get(key), f"{at}.{key}"))

    def _number(self, given: Mapping[str, Any], key: str, at: str, default: int) -> int:
        value = given.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.wrong.append(f"{at}.{key}: {value!r}: expected a number from 0 on".lstrip("."))
        return default


def _text(given: Any) -> str:
    """A scalar as the server writes it."""
    return str(given).lower() if isinstance(given, bool) else "" if given is None else str(given)


def _canonical(agent: str) -> str:
    try:
        return mac.normalise(agent)
    except ValueError:
        return agent.strip()
