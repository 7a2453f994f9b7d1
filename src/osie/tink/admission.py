"""Whether a batch may be applied: checked against itself and the store together, and rendered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from osie.tink import conditions, dhcp_values, documents, hardware, netboot_values, scalars
from osie.tink.drafting import draft
from osie.tink.hardware import HardwareSpec
from osie.tink.manifest import Batch, Fault, explain, path_of
from osie.tink.render_child import Job, Rendered, render_all
from osie.tink.resources import Kind, Ref, Resource, TemplateSpec, WorkflowSpec
from osie.tink.template import TemplateForm
from osie.tink.template_data import data
from osie.tink.workflow import State, Workflow


@dataclass(frozen=True)
class Known:
    """What the store holds, of what a batch can touch."""

    resources: Mapping[Ref, Resource]
    identities: Mapping[
        tuple[str, str], Ref
    ]  # ("agent" | "address", value); MACs are agents' ids -> the Hardware with it
    states: Mapping[Ref, State]  # of the workflows that the batch names again
    whole: bool = True  # False: there may be more, so that what isn't found is told and no fault


@dataclass
class Admission:
    """What applying the batch means."""

    changed: list[tuple[Resource, str]] = field(default_factory=list)  # with "created" or "configured"
    unchanged: list[Ref] = field(default_factory=list)
    drafts: dict[Ref, Workflow] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


async def admit(batch: Batch, known: Known) -> Admission:
    """Check `batch` as a whole; faults are added to it, all of them."""
    admission = Admission()
    changed = _sort_out(batch, known, admission)
    _check_hardware(batch, known)
    await _render(batch, known, changed, admission)
    admission.warnings = batch.warnings()
    return admission


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


def _check_hardware(batch: Batch, known: Known) -> None:
    owners: dict[tuple[str, str], Ref] = {
        identity: ref for identity, ref in known.identities.items() if ref not in batch.resources
    }
    words = {"agent": "agent id or hardware address", "address": "IP address"}
    for ref, resource in batch.resources.items():
        if ref.kind is not Kind.HARDWARE:
            continue
        spec = HardwareSpec.model_validate(resource.spec)
        for path, fault in (*dhcp_values.faults(spec), *netboot_values.faults(spec)):
            batch.fault(ref, path, fault)
        batch.notes += [(str(ref), note) for note in dhcp_values.notes(spec)]
        for path, identity in _placed(spec):
            owner = owners.setdefault(identity, ref)
            if owner != ref:
                batch.fault(ref, path, f"{words[identity[0]]} {identity[1]} belongs to {owner} already")
        macs = hardware.macs(spec)
        for mac in sorted({mac for mac in macs if macs.count(mac) > 1}):
            batch.fault(ref, "spec.interfaces", f"hardware address {mac} occurs twice")


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


async def _render(batch: Batch, known: Known, changed: list[Ref], admission: Admission) -> None:
    """Check the changed templates and render the changed workflows, all in one child process."""
    templates = [ref for ref in changed if ref.kind is Kind.TEMPLATE]
    wanted = [ref for ref in changed if ref.kind is Kind.WORKFLOW]
    pairs = _pairs(batch, known, wanted)
    jobs = []
    for ref in templates:
        text = TemplateSpec.model_validate(batch.resources[ref].spec).data
        jobs += [Job(ref.name, text), Job(ref.name, text, {})]
    jobs += [
        Job(
            pair.template.ref.name,
            str(pair.template.spec["data"]),
            data(pair.machine, pair.spec.hardwareMap),
        )
        for pair in pairs
    ]
    answers = await render_all(jobs)
    forms = []
    for ref, syntax, plain in zip(templates, answers[::2], answers[1::2], strict=False):
        if syntax.fault:
            batch.fault(ref, "spec.data", syntax.fault)
        elif not plain.fault:  # it names nothing of a machine, so all of it can be checked already
            forms.append((_Place(ref, ref), _read_form(batch, _Place(ref, ref), plain.text)))
    await _check_conditions(batch, forms)
    faulty = {ref for ref in templates if _is_faulty(batch, ref)}
    forms = [
        (pair.place(batch), _draft(batch, pair, rendered, admission))
        for pair, rendered in zip(pairs, answers[2 * len(templates) :], strict=True)
        if pair.template.ref not in faulty
    ]
    await _check_conditions(batch, forms)


async def _check_conditions(batch: Batch, forms: list[tuple["_Place", TemplateForm | None]]) -> None:
    """Tell the syntax errors of every `if`."""
    found = [
        (place, f"tasks[{t}].actions[{a}].if", action.condition)
        for place, form in forms
        if form is not None
        for t, task in enumerate(form.tasks)
        for a, action in enumerate(task.actions)
        if action.condition
    ]
    checked = await conditions.faults([condition for _, _, condition in found])
    for (place, path, _), fault in zip(found, checked, strict=True):
        if fault:
            place.fault(batch, path, fault)


@dataclass(frozen=True)
class _Place:
    """Whose a rendered document's faults are: the template's own, or its workflow's."""

    blamed: Ref
    template: Ref
    told: str = ""  # the template, in a workflow's message

    def fault(self, batch: Batch, path: str, message: str) -> None:
        """Tell of a fault at `path` in the document."""
        if self.blamed == self.template:
            batch.fault(self.blamed, f"spec.data.{path}".removesuffix("."), message)
        else:
            where = f"{self.told}, rendered: {path or 'document'}"
            batch.fault(self.blamed, "spec.templateRef", f"{where}: {message}")


@dataclass(frozen=True)
class _Pair:
    ref: Ref
    spec: WorkflowSpec
    template: Resource
    machine: Resource | None  # None: the workflow names none

    def place(self, batch: Batch) -> _Place:
        """Where the faults of what it renders to are told."""
        source = batch.sources.get(self.template.ref)
        told = str(self.template.ref) + (f" ({source.file}, document {source.document})" if source else "")
        return _Place(self.ref, self.template.ref, told)


def _pairs(batch: Batch, known: Known, refs: list[Ref]) -> list[_Pair]:
    """The workflows whose template and hardware exist; a fault, or a warning, for each that doesn't."""
    found = []
    for ref in refs:
        spec = WorkflowSpec.model_validate(batch.resources[ref].spec)
        there: list[Resource] = []
        for path, named in references(ref, spec):
            resource = batch.resources.get(named) or known.resources.get(named)
            if resource is not None:
                there.append(resource)
            elif known.whole:
                batch.fault(ref, path, f"there is no {named}")
            else:
                batch.notes.append(
                    (str(ref), f"{path}: {named} is not in these files, and was not looked up")
                )
        if spec.bootOptions.toggleAllowNetboot and not spec.hardwareRef:
            batch.fault(ref, "spec.bootOptions.toggleAllowNetboot", "there is no hardwareRef to toggle it of")
        if len(there) == len(references(ref, spec)):
            found.append(_Pair(ref, spec, there[0], there[1] if spec.hardwareRef else None))
    return found


def _draft(batch: Batch, pair: _Pair, rendered: Rendered, admission: Admission) -> TemplateForm | None:
    place = pair.place(batch)
    if rendered.fault:
        batch.fault(pair.ref, "spec.templateRef", f"{place.told} can't be rendered: {rendered.fault}")
        return None
    form = _read_form(batch, place, rendered.text)
    if form is not None:
        for number, task in enumerate(form.tasks):
            if pair.machine is None and not task.worker:
                place.fault(batch, f"tasks[{number}].worker", "missing, and the workflow has no hardwareRef")
        machine = HardwareSpec.model_validate(pair.machine.spec if pair.machine else {})
        admission.drafts[pair.ref] = draft(pair.ref, pair.spec, machine, form)
    return form


def references(ref: Ref, spec: WorkflowSpec) -> list[tuple[str, Ref]]:
    """What a workflow names, with the path at which it does; its template first."""
    named = [("spec.templateRef", Ref(Kind.TEMPLATE, ref.namespace, spec.templateRef))]
    if spec.hardwareRef:
        named.append(("spec.hardwareRef", Ref(Kind.HARDWARE, ref.namespace, spec.hardwareRef)))
    return named


def _is_faulty(batch: Batch, ref: Ref) -> bool:
    data = Fault.at(batch.sources[ref], "spec.data", "")
    return any(
        (f.file, f.document) == (data.file, data.document) and f.path.startswith(data.path)
        for f in batch.faults
    )


def _read_form(batch: Batch, place: _Place, text: str) -> TemplateForm | None:
    """The rendered document, or None and its faults."""
    try:
        value = scalars.settle(documents.read(text), TemplateForm)
        faults = scalars.unstorable(value)
        if not faults:
            return TemplateForm.model_validate(value)
        for parts, reason in faults:
            place.fault(batch, path_of(parts), reason)
    except documents.UnreadableError as error:
        place.fault(batch, "", str(error))
    except ValidationError as error:
        for path, message in explain(error):
            place.fault(batch, path, message)
    return None
