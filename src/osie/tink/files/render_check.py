"""The templates and workflows of a batch, rendered and checked; each fault and warning has its place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from osie.core import storable
from osie.tink.domain import keys, nearby, scalars
from osie.tink.domain.hardware import HardwareSpec
from osie.tink.domain.keys import path_of
from osie.tink.domain.resources import Kind, Ref, Resource, TemplateSpec, WorkflowSpec
from osie.tink.domain.template import TemplateForm
from osie.tink.domain.workflow import Workflow
from osie.tink.files import advice, conditions, documents, referenced
from osie.tink.files.drafting import draft
from osie.tink.files.known import Known
from osie.tink.files.manifest import Batch, Fault, explain
from osie.tink.files.render_child import Job, Rendered, render_all
from osie.tink.files.template_data import data


async def rendered(batch: Batch, known: Known, changed: list[Ref]) -> dict[Ref, Workflow]:
    """Check the changed templates and render the changed workflows, all in one child process."""
    templates = [ref for ref in changed if ref.kind is Kind.TEMPLATE]
    wanted = [ref for ref in changed if ref.kind is Kind.WORKFLOW]
    pairs = _pairs(batch, known, wanted)
    jobs = []
    for ref in templates:
        text = TemplateSpec.model_validate(batch.resources[ref].spec).data
        jobs += [Job(text), Job(text, {})]
    jobs += [
        Job(
            str(pair.template.spec.get("data") or ""),
            data(pair.machine, pair.spec.hardwareMap, pair.references),
        )
        for pair in pairs
    ]
    answers = await render_all(jobs)
    forms = []
    for ref, syntax, plain in zip(templates, answers[::2], answers[1::2], strict=False):
        if syntax.fault:
            batch.fault(ref, "spec.data", syntax.fault)
        elif not str(batch.resources[ref].spec.get("data") or "").strip():
            batch.notes.append((str(ref), "spec.data: empty: no workflow can be made of it"))
        elif not plain.fault:  # it names nothing of a machine, so all of it can be checked already
            forms.append((_Place(ref, ref), _read_form(batch, _Place(ref, ref), plain.text)))
    await _check_conditions(batch, forms)
    drafts: dict[Ref, Workflow] = {}
    faulty = {ref for ref in templates if _is_faulty(batch, ref)}
    forms = [
        (pair.place(batch), _draft(batch, pair, answer, drafts))
        for pair, answer in zip(pairs, answers[2 * len(templates) :], strict=True)
        if pair.template.ref not in faulty
    ]
    await _check_conditions(batch, forms)
    return drafts


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

    def note(self, batch: Batch, lines: Iterable[str]) -> None:
        """Tell what of the document has no effect: once, however many workflows are made of it."""
        batch.notes += [(str(self.template), f"spec.data: {line}") for line in lines]


@dataclass(frozen=True)
class _Pair:
    ref: Ref
    spec: WorkflowSpec
    template: Resource
    machine: Resource | None  # None: the workflow names none
    references: Mapping[str, Resource]  # of the machine

    def unreferenced(self) -> Iterable[str]:
        """What the machine refers to, the template names, and isn't kept here."""
        if self.machine is not None and ".references" in str(self.template.spec.get("data")):
            yield from (f"{self.machine.ref}, {line}" for line in referenced.unknown(self.machine.spec))

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
        there = {
            named: _found(batch, known, ref, path, named, needed=True)
            for path, named in references(ref, spec)
        }
        if spec.bootOptions.toggleAllowNetboot and not spec.hardwareRef:
            batch.fault(ref, "spec.bootOptions.toggleAllowNetboot", "there is no hardwareRef to toggle it of")
        template, *machines = there.values()
        machine = machines[0] if machines else None
        if template is None or None in machines:
            continue
        linked = (
            {
                name: _found(batch, known, ref, f"{machine.ref}, spec.references.{name}", named, needed=False)
                for name, named in referenced.named(machine.spec, ref.namespace).items()
            }
            if machine
            else {}
        )
        # What isn't looked up keeps those from being rendered only that may need it.
        needs = "references" in str(template.spec.get("data"))
        if known.whole or not needs or None not in linked.values():
            links = {name: resource for name, resource in linked.items() if resource}
            found.append(_Pair(ref, spec, template, machine, links))
    return found


def _found(batch: Batch, known: Known, whose: Ref, path: str, named: Ref, *, needed: bool) -> Resource | None:
    """The named resource. Where it isn't: a fault if it is needed, a warning if it may be elsewhere."""
    resource = batch.resources.get(named) or known.resources.get(named)
    if resource is None and not known.whole:
        batch.notes.append((str(whose), f"{path}: {named} is not in these files, and was not looked up"))
    elif resource is None and needed:
        near = (*batch.resources, *known.near)
        batch.fault(whose, path, f"there is no {named}{nearby.hint(named, near)}")
    elif resource is None:
        batch.notes.append((str(whose), f"{path}: there is no {named}, and a template can't name it"))
    return resource


def _draft(batch: Batch, pair: _Pair, answer: Rendered, drafts: dict[Ref, Workflow]) -> TemplateForm | None:
    place = pair.place(batch)
    if answer.fault:
        reasons = [answer.fault, *pair.unreferenced()]
        batch.fault(pair.ref, "spec.templateRef", f"{place.told} can't be rendered: {'; '.join(reasons)}")
        return None
    form = _read_form(batch, place, answer.text)
    if form is not None:
        if not any(task.actions for task in form.tasks):
            place.fault(batch, "tasks", "none of them has an action: there is nothing to run")
        for number, task in enumerate(form.tasks):
            if pair.machine is None and not task.worker:
                place.fault(batch, f"tasks[{number}].worker", "missing, and the workflow has no hardwareRef")
        machine = HardwareSpec.model_validate(pair.machine.spec if pair.machine else {})
        text = str(pair.template.spec.get("data"))
        lines = advice.unread(pair.machine.spec, text) if pair.machine else ()
        batch.notes += [(str(pair.ref), f"{pair.machine.ref}, spec.{line}") for line in lines if pair.machine]
        drafts[pair.ref] = draft(pair.ref, pair.spec, machine, form)
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
        read, more = documents.read_first(text)
    except documents.UnreadableError as error:
        place.fault(batch, "", str(error))
        return None
    value = scalars.settle(read, TemplateForm)
    found = list(islice(keys.strays(value, keys.form_of(TemplateForm)), advice.MOST))
    faults = [(path_of(parts), reason) for parts, reason in storable.unstorable(value)]
    faults += advice.misspelt(found)
    form = None
    try:
        form = TemplateForm.model_validate(value)
    except ValidationError as error:
        faults += explain(error)
    for path, reason in faults:
        place.fault(batch, path, reason)
    if form is None or faults:
        return None
    place.note(batch, [*_unused(form, more=more), *advice.strangers(found)])
    return form


def _unused(form: TemplateForm, *, more: bool) -> Iterable[str]:
    """What of a rendered document does nothing. `more`: there is another behind it."""
    if more:
        yield "only the first document is read: what stands behind `---` has no effect"
    for number, task in enumerate(form.tasks):
        if not task.actions:
            yield f"tasks[{number}]: no actions: {task.name} is done at once"
