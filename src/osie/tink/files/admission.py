"""Whether a batch may be applied: checked against itself and the store together, and rendered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from osie.tink.domain import dhcp_values, hardware, netboot_values
from osie.tink.domain.hardware import HardwareSpec
from osie.tink.domain.resources import Kind, Ref, Resource, WorkflowSpec
from osie.tink.domain.served_network import ServedNetwork
from osie.tink.domain.workflow import State, Workflow
from osie.tink.files.known import Known
from osie.tink.files.manifest import Batch
from osie.tink.files.render_check import rendered


@dataclass
class Admission:
    """What applying the batch means."""

    changed: list[tuple[Resource, str]] = field(default_factory=list)  # with "created" or "configured"
    unchanged: list[Ref] = field(default_factory=list)
    drafts: dict[Ref, Workflow] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


async def admit(batch: Batch, known: Known, network: ServedNetwork | None = None) -> Admission:
    """Check `batch` as a whole; faults are added to it, all of them. `network`: None where it isn't known."""
    admission = Admission()
    changed = _sort_out(batch, known, admission)
    _check_hardware(batch, known, network)
    admission.drafts = await rendered(batch, known, changed)
    if not batch.faults:
        new = set(changed)
        batch.notes += await _notes(batch, known, [ref for ref in batch.resources if ref not in new])
    admission.warnings = batch.warnings()
    return admission


async def _notes(batch: Batch, known: Known, refs: list[Ref]) -> list[tuple[str, str]]:
    """What is noted of resources that stay as they are: each apply says it again. Their faults don't count.

    A workflow that runs, or ran, may have a template that can't be rendered any more.
    """
    apart = replace(batch, faults=[], notes=[])
    await rendered(apart, known, refs)
    return apart.notes


def _sort_out(batch: Batch, known: Known, admission: Admission) -> list[Ref]:
    changed = []
    for ref, resource in batch.resources.items():
        old = known.resources.get(ref)
        new = (resource.spec, resource.labels, resource.annotations)
        if old is not None and new == (old.spec, old.labels, old.annotations):
            admission.unchanged.append(ref)
            continue
        state = known.states.get(ref)
        if state not in (None, State.PREPARING, State.PENDING) and not _same(resource, old):
            batch.fault(ref, *_too_late(resource, str(state)))
            continue
        admission.changed.append((resource, "created" if old is None else "configured"))
        if not _same(resource, old):
            changed.append(ref)
    return changed


def _too_late(resource: Resource, state: str) -> tuple[str, str]:
    """Where and why a workflow that began can't become this."""
    if WorkflowSpec.model_validate(resource.spec).disabled:
        return "spec.disabled", f"the workflow is {state}: that holds back one that has not begun; cancel it"
    return "spec", f"the workflow is {state}: delete it first, or choose another name"


def _same(new: Resource, old: Resource | None) -> bool:
    """Whether both specs mean the same: `disabled: false` is as good as nothing, for instance."""
    return old is not None and _meant(new.spec) == _meant(old.spec)


def _meant(spec: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in spec.items() if value or key != "disabled"}


def _check_hardware(batch: Batch, known: Known, network: ServedNetwork | None) -> None:
    owners: dict[tuple[str, str], Ref] = {
        identity: ref for identity, ref in known.identities.items() if ref not in batch.resources
    }
    words = {"agent": "agent id or hardware address", "address": "IP address"}
    for ref, resource in batch.resources.items():
        if ref.kind is not Kind.HARDWARE:
            continue
        spec = HardwareSpec.model_validate(resource.spec)
        faults = [*dhcp_values.faults(spec), *netboot_values.faults(spec)]
        notes = dhcp_values.notes(spec)
        if network is not None:
            faults += network.faults(spec)
            notes += network.notes(spec)
        for path, fault in faults:
            batch.fault(ref, path, fault)
        batch.notes += [(str(ref), note) for note in notes]
        for path, identity in _placed(spec):
            owner = owners.setdefault(identity, ref)
            if owner != ref:
                batch.fault(ref, path, f"{words[identity[0]]} {identity[1]} belongs to {owner} already")
        for what, values in (
            ("hardware address", hardware.macs(spec)),
            ("IP address", hardware.addresses(spec)),
        ):
            for value in sorted({value for value in values if values.count(value) > 1}):
                batch.fault(ref, "spec.interfaces", f"{what} {value} occurs twice")


def _placed(spec: HardwareSpec) -> Iterable[tuple[str, tuple[str, str]]]:
    if spec.agentID.strip():
        yield "spec.agentID", ("agent", hardware.canonical_agent(spec.agentID))
    for number, interface in enumerate(spec.interfaces):
        if interface.dhcp is None:
            continue
        path = f"spec.interfaces[{number}].dhcp"
        yield f"{path}.mac", ("agent", interface.dhcp.mac)
        if interface.dhcp.ip and interface.dhcp.ip.address:
            yield f"{path}.ip.address", ("address", hardware.canonical_address(interface.dhcp.ip.address))
