"""What the HTTP API shows: resources, workflows with their status, events, lines, machines, as JSON."""

from collections.abc import Mapping
from typing import Any

from osie.core.storable import storable
from osie.tink.domain.netboot import with_netboot
from osie.tink.domain.resources import API_VERSION, Resource
from osie.tink.domain.workflow import Action, Task, Workflow, current

Json = dict[str, Any]
Row = Mapping[Any, Any]  # as SQLAlchemy types a RowMapping


def resource(item: Resource) -> Json:
    """A resource as a manifest that could be applied again; the toggled netboot is shown in place."""
    return {
        "apiVersion": API_VERSION,
        "kind": str(item.ref.kind),
        "metadata": {
            "name": item.ref.name,
            "namespace": item.ref.namespace,
            "labels": item.labels,
            "annotations": item.annotations,
            "resourceVersion": item.version,
            "createdAt": item.created_at,
            "updatedAt": item.updated_at,
        },
        "spec": with_netboot(item.spec, item.netboot),
    }


def written(item: Resource) -> Json:
    """A resource as the operator wrote it."""
    metadata = {"name": item.ref.name, "namespace": item.ref.namespace}
    named = {"labels": item.labels, "annotations": item.annotations}
    return {
        "apiVersion": API_VERSION,
        "kind": str(item.ref.kind),
        "metadata": {**metadata, **{key: value for key, value in named.items() if value}},
        "spec": item.spec,
    }


def workflow(item: Resource, state: Workflow, progress: Mapping[str, Row]) -> Json:
    """A workflow and where it stands. `progress` is by the action's id."""
    turn = current(state)
    now = None
    if turn is not None:
        now = {
            "task": turn.task.name,
            "action": turn.action.name,
            "id": turn.action.id,
            "state": str(turn.action.state),
            "attempt": turn.action.attempt,
            "attempts": turn.action.retries + 1,
            "notBefore": turn.action.not_before,
            "progress": _progress(progress.get(turn.action.id)),
        }
    status = {
        "state": str(state.state),
        "disabled": state.disabled,
        "message": state.message,
        "cause": str(state.cause),
        "run": state.run,
        "netboots": state.boots,
        "silentSince": state.silent_since,
        "executionStart": state.started_at,
        "executionStop": state.stopped_at,
        "globalTimeout": state.global_timeout_s,
        "currentAction": now,
        "tasks": [_task(task, progress) for task in state.tasks],
    }
    return {**resource(item), "status": status}


def _task(task: Task, progress: Mapping[str, Row]) -> Json:
    actions = [_action(action, progress) for action in task.actions]
    return {"name": task.name, "id": task.id, "agentID": task.worker or task.agents[0], "actions": actions}


def _action(action: Action, progress: Mapping[str, Row]) -> Json:
    return {
        "id": action.id,
        "name": action.name,
        "image": action.image,
        "timeout": action.timeout_s,
        "state": str(action.state),
        "executionStart": action.started_at,
        "executionStop": action.stopped_at,
        "executionDuration": action.duration,
        "message": action.message,
        "if": action.condition,
        "attempt": action.attempt,
        "attempts": action.retries + 1,
        "notBefore": action.not_before,
        "hook": None if action.hook is None else _action(action.hook, progress),
        "progress": _progress(progress.get(action.id)),
    }


def _progress(row: Row | None) -> Json | None:
    if row is None:
        return None
    return {key: row[key] for key in ("at", "phase", "done", "total", "unit", "rate_per_s", "eta_s")}


def event(row: Row, name: str) -> Json:
    """A change of state; `action` is null where the workflow itself changed."""
    return {
        "id": row["id"],
        "at": row["at"],
        "workflow": name,
        "task": row["task"],
        "action": row["action"],
        "actionID": row["action_id"],
        "from": row["before"],
        "to": row["after"],
        "why": row["why"],
        "who": row["who"],
        "agent": row["who"].removeprefix("agent ") if row["who"].startswith("agent ") else None,
    }


def log_line(row: Row, names: Mapping[str, tuple[str, str]]) -> Json:
    """A line that an action printed. `names` gives (task, action) by the action's id."""
    task, action = names.get(row["action_id"], ("", ""))
    return {
        "id": row["id"],
        "at": row["at"],
        "task": task,
        "action": action,
        "sequence": row["sequence"],
        "stream": row["stream"],
        "text": row["text"],
    }


def machine_event(row: Row) -> Json:
    """What was seen of a machine."""
    shown = {key: row[key] for key in ("id", "at", "mac", "event")}
    return {**shown, "fields": storable(row["fields"])}  # an older Osie stored what can't be shown


def machine_line(row: Row) -> Json:
    """A line of a machine's log."""
    return {key: row[key] for key in ("id", "at", "mac", "text")}


def machine(mac: str, seen: Row | None, owner: str | None, last: Row | None) -> Json:
    """A machine by its hardware address; `hardware` is null where it is only discovered."""
    return {
        "mac": mac,
        "hardware": owner,
        "known": owner is not None,
        "firstSeen": seen["first_seen"] if seen else None,
        "lastSeen": seen["last_seen"] if seen else None,
        "attributes": storable(seen["attributes"]) if seen else {},
        "lastEvent": machine_event(last) if last else None,
    }
