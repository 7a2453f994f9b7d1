"""A workflow as its workers are handed it: the rendered template, the config's say included."""

from typing import Any

from osie.tink.domain.views import Json
from osie.tink.domain.workflow import Action, Workflow
from osie.tink.service.rewriting import Rewriting


def rendered_view(workflow: Workflow, rewriting: Rewriting) -> Json:
    """In the template's own keys; what has its default value is left out.

    A task's volumes and environment are in its actions. `rewrittenFrom` is the template's image, where the
    server's config puts another in its place.
    """
    head: Json = {"version": "0.1", "name": workflow.template}
    if workflow.global_timeout_s:
        head["global_timeout"] = workflow.global_timeout_s
    tasks = [
        {
            "name": task.name,
            "worker": task.worker or task.agents[0],
            "actions": [_action(action, rewriting) for action in task.actions],
        }
        for task in workflow.tasks
    ]
    return {**head, "tasks": tasks}


def _action(action: Action, rewriting: Rewriting) -> Json:
    given = rewriting.of(action)
    namespaces = {"network": action.network_namespace, "pid": action.pid_namespace}
    shown: dict[str, Any] = {
        "name": action.name,
        "image": given.image,
        "rewrittenFrom": "" if given.image == action.image else action.image,
        "if": action.condition,
        "timeout": action.timeout_s,
        "retries": action.retries,
        "retry-backoff": action.retry_backoff_s if action.retries else 0,
        "command": list(action.command),
        "environment": dict(entry.split("=", 1) for entry in given.environment),
        "volumes": list(action.volumes),
        "pid": action.pid,
        "namespaces": {key: value for key, value in namespaces.items() if value},
        "reboot": action.reboot,
        "on-failure": list(action.on_failure),
        "on-timeout": list(action.on_timeout),
    }
    always = "retry-backoff" if action.retries else ""  # 0 s isn't its default
    return {key: value for key, value in shown.items() if value or key == always}
