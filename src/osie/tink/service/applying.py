"""Use cases of the operator: apply files, delete resources. All of a batch, or nothing."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from osie.tink.domain import hardware, nearby, topics
from osie.tink.domain.errors import ConflictError, MissingError
from osie.tink.domain.resources import Kind, Ref, Resource, WorkflowSpec
from osie.tink.domain.served_network import ServedNetwork
from osie.tink.domain.states import accept
from osie.tink.domain.workflow import State, Workflow
from osie.tink.files import referenced
from osie.tink.files.admission import Admission, admit
from osie.tink.files.known import Known
from osie.tink.files.manifest import Batch, RefusedError, parse
from osie.tink.files.render_check import references
from osie.tink.service import notify_listener
from osie.tink.service.notifier import Notifier
from osie.tink.store import nearby_rows, resource_rows, workflow_rows
from osie.tink.store.database import Store, one_at_a_time

_ATTEMPTS = 5
_HINTS = 10  # names that aren't there, for which it is looked up what was meant


@dataclass(frozen=True)
class Applied:
    """What became of a batch."""

    changes: list[tuple[Ref, str]]  # with "created", "configured" or "unchanged"
    warnings: list[str]


class Applying:
    """Changes what the operator owns."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        now: Callable[[], float] = time.time,
        network: ServedNetwork | None = None,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._now = now
        self._network = network

    async def apply(self, files: Sequence[tuple[str, str]]) -> Applied:
        """Apply (name, text) files together, or nothing and RefusedError with every fault."""
        parsed = await asyncio.to_thread(parse, files)  # which takes seconds for some megabytes of YAML
        for _ in range(_ATTEMPTS):
            batch = replace(parsed, faults=list(parsed.faults), notes=list(parsed.notes))
            async with self._store.read() as connection:
                known = await known_of(connection, batch)
            admission = await admit(batch, known, self._network)
            if batch.faults:
                raise RefusedError(batch.faults)
            # Rendering takes a while and holds nobody up: whether its grounds still stand is looked up again.
            async with self._store.write() as connection:
                await one_at_a_time(connection)
                if await known_of(connection, batch, lock=True) == known:
                    await _store(connection, admission, self._now())
                    concerned = _concerned(admission)
                    await notify_listener.announce(connection, concerned)
                    break
        else:
            raise ConflictError("what the files touch kept changing meanwhile", hint="apply them once more")
        self._notifier.ring(topics.HARDWARE, *concerned)
        told = {resource.ref: change for resource, change in admission.changed}
        return Applied([(ref, told.get(ref, "unchanged")) for ref in batch.resources], admission.warnings)

    async def delete(self, ref: Ref, *, force: bool = False) -> None:
        """Delete a resource. Raises MissingError, and ConflictError while it is in use."""
        async with self._store.write() as connection:
            workflow = None
            if ref.kind is Kind.WORKFLOW:
                workflow = await workflow_rows.get(connection, ref.namespace, ref.name, lock=True)
            if await resource_rows.get(connection, ref) is None:
                near = nearby.hint(ref, await nearby_rows.candidates(connection, ref))
                raise MissingError(f"there is no {ref}{near}")
            if workflow is not None:
                await _delete_workflow(connection, workflow, self._now(), force=force)
            elif ref.kind is not Kind.WORKFLOW:
                column = "hardware" if ref.kind is Kind.HARDWARE else "template"
                users = await workflow_rows.naming(connection, column, ref.namespace, ref.name)
                if users:
                    raise ConflictError(
                        f"{ref} is in use by workflow {', '.join(users)}", hint="delete it first"
                    )
            await resource_rows.delete(connection, ref)
            if workflow is not None:  # the next one in the queue comes up
                await notify_listener.announce(connection, topics.agents(workflow))
        self._notifier.ring(topics.HARDWARE)
        if workflow is not None:
            self._notifier.ring(topics.workflow(workflow), *topics.agents(workflow))


def _concerned(admission: Admission) -> set[str]:
    """The bells of the agents that may have work now."""
    bells = {bell for workflow in admission.drafts.values() for bell in topics.agents(workflow)}
    for resource, _ in admission.changed:
        if resource.ref.kind is Kind.HARDWARE:
            spec = hardware.HardwareSpec.model_validate(resource.spec)
            bells.update(map(topics.agent, hardware.agents(spec)))
    return bells


async def known_of(connection: AsyncConnection, batch: Batch, *, lock: bool = False) -> Known:
    """What the store holds of what the batch touches."""
    wanted = set(batch.resources)
    identities: set[tuple[str, str]] = set()
    for ref, resource in batch.resources.items():
        if ref.kind is Kind.WORKFLOW:
            wanted |= {named for _, named in references(ref, WorkflowSpec.model_validate(resource.spec))}
        elif ref.kind is Kind.HARDWARE:
            identities |= set(hardware.identities(hardware.HardwareSpec.model_validate(resource.spec)))
    states = await _states(connection, batch.resources, lock=lock)
    resources = await resource_rows.get_many(connection, sorted(wanted))
    resources |= await resource_rows.get_many(connection, sorted(_linked(batch, resources)))
    missing = [ref for ref in sorted(wanted) if ref not in batch.resources and ref not in resources]
    near = [each for ref in missing[:_HINTS] for each in await nearby_rows.candidates(connection, ref)]
    return Known(resources, await resource_rows.owners(connection, identities), states, near)


def _linked(batch: Batch, found: Mapping[Ref, Resource]) -> set[Ref]:
    """What the machines refer to for which workflows are to be rendered."""
    linked: set[Ref] = set()
    for ref, resource in batch.resources.items():
        if ref.kind is Kind.WORKFLOW:
            named = Ref(Kind.HARDWARE, ref.namespace, str(resource.spec.get("hardwareRef") or ""))
            machine = batch.resources.get(named) or found.get(named)
            linked |= set(referenced.named(machine.spec, ref.namespace).values()) if machine else set()
    return linked


async def _states(connection: AsyncConnection, refs: Iterable[Ref], *, lock: bool) -> dict[Ref, State]:
    found = {}
    for ref in sorted(ref for ref in refs if ref.kind is Kind.WORKFLOW):
        workflow = await workflow_rows.get(connection, ref.namespace, ref.name, lock=lock)
        if workflow is not None:
            found[ref] = workflow.state
    return found


async def _store(connection: AsyncConnection, admission: Admission, at: float) -> None:
    changed = [resource for resource, _ in admission.changed]
    for resource in changed:
        await resource_rows.save(connection, resource, at)
    for resource in changed:
        if resource.ref.kind is Kind.HARDWARE:
            await resource_rows.save_identities(connection, resource)
    first = await workflow_rows.behind(connection, at) if admission.drafts else at
    for place, (ref, workflow) in enumerate(admission.drafts.items()):
        # Agents take the oldest first: a batch's workflows are a microsecond apart, in the files' order.
        await _replace_workflow(connection, ref, workflow, at, first + place * 1e-6)


async def _replace_workflow(
    connection: AsyncConnection, ref: Ref, workflow: Workflow, at: float, queued_at: float
) -> None:
    old = await workflow_rows.get(connection, ref.namespace, ref.name, lock=True)
    if old is not None:
        await _delete_workflow(connection, old, at, force=False)
    await workflow_rows.create(connection, accept(workflow, at), at, queued_at)
    if workflow.toggle_netboot and not workflow.disabled:
        await resource_rows.set_netboot(connection, hardware_of(workflow), True, at)


async def _delete_workflow(
    connection: AsyncConnection, workflow: Workflow, at: float, *, force: bool
) -> None:
    if workflow.state in {State.RUNNING, State.POST} and not force:
        raise ConflictError(
            f"workflow {workflow.name} is {workflow.state}", hint="?force=true deletes it anyway"
        )
    await workflow_rows.delete(connection, workflow.namespace, workflow.name)
    # Once an action ran, the disk may be half written: netboot then stays on, so that nothing boots from it.
    if workflow.state is State.PENDING and not workflow.began and workflow.toggle_netboot:
        await release_netboot(connection, workflow, None, at)


async def release_netboot(
    connection: AsyncConnection, workflow: Workflow, allowed: bool | None, at: float
) -> None:
    """Take back what the workflow toggled, unless another that isn't done wants netboot, too."""
    named = (workflow.namespace, workflow.hardware)
    others = await workflow_rows.naming(connection, "hardware", *named, toggling=True)
    if set(others) <= {workflow.name}:
        await resource_rows.set_netboot(connection, hardware_of(workflow), allowed, at)


def hardware_of(workflow: Workflow) -> Ref:
    """The Hardware that a workflow names."""
    return Ref(Kind.HARDWARE, workflow.namespace, workflow.hardware)
