"""An action as a container: what the engine is asked to create, and how a run is read back from it."""

import re
from collections.abc import Mapping
from typing import Any

from osie.worker.action import Action, Run

ACTION_LABEL = "osie.action"  # its value is the action's ID; every container of ours has it
_UPTIME_LABEL = "osie.created-uptime-s"  # seconds from the machine's start: the clock may be set meanwhile

_BINDS = ("/dev:/dev", "/worker:/worker", "/run:/run")

# What an action prints is held in RAM: 2 files of 8 MiB at most, and the older one goes.
_LOGGING = {"Type": "json-file", "Config": {"max-size": "8m", "max-file": "2"}}

_OOM_SCORE = 500  # of 1000: where memory is used up, the action goes, and neither worker nor engine


def name(action: Action) -> str:
    """The container's name, in the characters that engines allow."""
    return "tink-" + re.sub(r"[^a-zA-Z0-9_.-]", "-", action.action_id)


def _target(volume: str) -> str:
    """Where a volume "SOURCE:TARGET[:OPTIONS]" or "TARGET" is mounted."""
    parts = volume.split(":")
    return (parts[1] if len(parts) > 1 else parts[0]).rstrip("/")


def binds(action: Action) -> list[str]:
    """Ours, and the action's volumes: engines refuse two with one target, so the action's replaces ours."""
    taken = {_target(volume) for volume in action.volumes}
    return [*(bind for bind in _BINDS if _target(bind) not in taken), *dict.fromkeys(action.volumes)]


def labels(run: Run, *, uptime_s: float) -> dict[str, str]:
    """What the next worker needs to take up this run and report it. `uptime_s`: of the machine, now."""
    action = run.action
    return {
        "osie.workflow": action.workflow_id,
        "osie.task": action.task_id,
        ACTION_LABEL: action.action_id,
        "osie.agent": action.agent_id,
        "osie.name": action.name,
        "osie.image": action.image,
        "osie.timeout-s": str(action.timeout_s),
        "osie.started-at": f"{run.started_at:.3f}",
        _UPTIME_LABEL: f"{uptime_s:.3f}",
    }


def created_uptime_s(given: Mapping[str, str]) -> float:
    """The machine's uptime when the container with these labels was created; 0 where they don't tell."""
    try:
        return float(given[_UPTIME_LABEL])
    except (KeyError, ValueError):
        return 0.0


def read_run(told: Mapping[str, Any]) -> Run:
    """The run that a container of ours is, from an entry of the engine's list. Raises ValueError."""
    given: Mapping[str, str] = told.get("Labels") or {}
    try:
        return Run(
            action=Action(
                workflow_id=given["osie.workflow"],
                task_id=given["osie.task"],
                agent_id=given["osie.agent"],
                action_id=given[ACTION_LABEL],
                name=given["osie.name"],
                image=given["osie.image"],
                timeout_s=int(given["osie.timeout-s"]),
            ),
            started_at=float(given["osie.started-at"]),
        )
    except KeyError as error:
        raise ValueError(f"container {told.get('Id')} has no label {error}") from error


def body(run: Run, *, image: str, uptime_s: float) -> dict[str, Any]:
    """What POST /containers/create is sent."""
    action = run.action
    host: dict[str, Any] = {
        "Privileged": True,
        "NetworkMode": action.network or "host",
        "PidMode": action.pid,
        "Binds": binds(action),
        "LogConfig": _LOGGING,
        "OomScoreAdj": _OOM_SCORE,
    }
    made: dict[str, Any] = {
        "Image": image,
        "Env": list(action.environment),
        "Labels": labels(run, uptime_s=uptime_s),
        "HostConfig": host,
        "Tty": False,  # a terminal's log isn't multiplexed, and both streams are one
    }
    if action.command:
        made["Cmd"] = list(action.command)
    return made
