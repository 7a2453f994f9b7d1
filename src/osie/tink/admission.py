"""Whether a batch may be applied: checked against itself and the store together, and rendered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from osie.tink import conditions, documents, hardware
from osie.tink.drafting import draft
from osie.tink.hardware import HardwareSpec
from osie.tink.manifest import Batch, Fault, explain
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
    _check_identities(batch, known)
    await _render(batch, known, changed, admission)
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
        if old is not None and state not in (None, State.PENDING) and resource.spec != old.spec:
            batch.fault(ref, "spec", f"the workflow is {state}: delete it first, or choose another name")
            continue
        admission.changed.append((resource, "created" if old is None else "configured"))
        if old is None or resource.spec != old.spec:
            changed.append(ref)
    return changed


def _check_identities(batch: Batch, known: Known) -> None:
    owners: dict[tuple[str, str], Ref] = {
        identity: ref for identity, ref in known.identities.items() if ref not in batch.resources
    }
    words = {"agent": "agent id or hardware address", "address": "IP address"}
    for ref, resource in batch.resources.items():
        if ref.kind is not Kind.HARDWARE:
            continue
        spec = HardwareSpec.model_validate(resource.spec)
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
            yield f"{path}.ip.address", ("address", interface.dhcp.ip.address)


async def _render(batch: Batch, known: Known, changed: list[Ref], admission: Admission) -> None:
    """Check the changed templates and render the changed workflows, all in one child process."""
    templates = [ref for ref in changed if ref.kind is Kind.TEMPLATE]
    wanted = [ref for ref in changed if ref.kind is Kind.WORKFLOW]
    pairs = _pairs(batch, known, wanted, admission)
    jobs = []
    for ref in templates:
        text = TemplateSpec.model_validate(batch.resources[ref].spec).data
        jobs += [Job(ref.name, text), Job(ref.name, text, {})]
    jobs += [
        Job(
            pair.template.ref.name,
            str(pair.template.spec["data"]),
            data(pair.machine.spec, pair.spec.hardwareMap),
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
    machine: Resource

    def place(self, batch: Batch) -> _Place:
        """Where the faults of what it renders to are told."""
        source = batch.sources.get(self.template.ref)
        told = str(self.template.ref) + (f" ({source.file}, document {source.document})" if source else "")
        return _Place(self.ref, self.template.ref, told)


def _pairs(batch: Batch, known: Known, refs: list[Ref], admission: Admission) -> list[_Pair]:
    """The workflows whose template and hardware exist; a fault, or a warning, for each that doesn't."""
    found = []
    for ref in refs:
        spec = WorkflowSpec.model_validate(batch.resources[ref].spec)
        template, machine = [
            batch.resources.get(wanted) or known.resources.get(wanted) for _, wanted in references(ref, spec)
        ]
        for (path, named), there in zip(references(ref, spec), (template, machine), strict=True):
            if there is None and known.whole:
                batch.fault(ref, path, f"there is no {named}")
            elif there is None:
                admission.warnings.append(
                    f"{ref}: {path}: {named} is not in these files, and was not looked up"
                )
        if template is not None and machine is not None:
            found.append(_Pair(ref, spec, template, machine))
    return found


def _draft(batch: Batch, pair: _Pair, rendered: Rendered, admission: Admission) -> TemplateForm | None:
    place = pair.place(batch)
    if rendered.fault:
        batch.fault(pair.ref, "spec.templateRef", f"{place.told} can't be rendered: {rendered.fault}")
        return None
    form = _read_form(batch, place, rendered.text)
    if form is not None:
        machine = HardwareSpec.model_validate(pair.machine.spec)
        admission.drafts[pair.ref] = draft(pair.ref, pair.spec, machine, form)
    return form


def references(ref: Ref, spec: WorkflowSpec) -> list[tuple[str, Ref]]:
    """What a workflow names, with the path at which it does."""
    return [
        ("spec.templateRef", Ref(Kind.TEMPLATE, ref.namespace, spec.templateRef)),
        ("spec.hardwareRef", Ref(Kind.HARDWARE, ref.namespace, spec.hardwareRef)),
    ]


def _is_faulty(batch: Batch, ref: Ref) -> bool:
    data = Fault.at(batch.sources[ref], "spec.data", "")
    return any(
        (f.file, f.document) == (data.file, data.document) and f.path.startswith(data.path)
        for f in batch.faults
    )


def _read_form(batch: Batch, place: _Place, text: str) -> TemplateForm | None:
    """The rendered document, or None and its faults."""
    try:
        return TemplateForm.model_validate(documents.read(text))
    except documents.UnreadableError as error:
        place.fault(batch, "", str(error))
    except ValidationError as error:
        for path, message in explain(error):
            place.fault(batch, path, message)
    return None
