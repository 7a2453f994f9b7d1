"""A rendered template and a machine to a workflow that hasn't begun. Its ids are made here, once."""

import uuid
from collections.abc import Sequence

from osie.tink.domain import known_images
from osie.tink.domain.hardware import HardwareSpec, agents, canonical_agent
from osie.tink.domain.resources import Ref, WorkflowSpec
from osie.tink.domain.template import ActionForm, TaskForm, TemplateForm
from osie.tink.domain.workflow import Action, Task, Workflow


def draft(ref: Ref, spec: WorkflowSpec, hardware: HardwareSpec, form: TemplateForm) -> Workflow:
    """The workflow named `ref`."""
    return Workflow(
        id=str(uuid.uuid4()),
        namespace=ref.namespace,
        name=ref.name,
        hardware=spec.hardwareRef,
        template=spec.templateRef,
        tasks=tuple(_task(task, agents(hardware)) for task in form.tasks),
        global_timeout_s=form.global_timeout,
        toggle_netboot=spec.bootOptions.toggleAllowNetboot,
        disabled=spec.disabled,
    )


def _task(form: TaskForm, machine: Sequence[str]) -> Task:
    named = canonical_agent(form.worker)
    # The worker may ask under the machine's agentID or any of its MACs, whichever the template says.
    known = tuple(machine) if not named or named in machine else (named,)
    return Task(
        id=str(uuid.uuid4()),
        name=form.name,
        worker=named,
        agents=known,
        actions=tuple(_action(form, action) for action in form.actions),
    )


def _action(task: TaskForm, form: ActionForm) -> Action:
    values = {**task.environment, **form.environment}
    environment = tuple(f"{key}={value}" for key, value in values.items())
    return Action(
        id=str(uuid.uuid4()),
        name=form.name,
        image=form.image,
        timeout_s=form.timeout,
        command=form.command,
        volumes=(*task.volumes, *form.volumes),
        environment=environment,
        pid=form.pid,
        network_namespace=form.namespaces.network,
        pid_namespace=form.namespaces.pid,
        reboot=form.reboot or known_images.takes_down(form.image, environment),
        retries=form.retries,
        retry_backoff_s=form.retry_backoff,
        on_failure=form.on_failure,
        on_timeout=form.on_timeout,
        condition=form.condition,
    )
