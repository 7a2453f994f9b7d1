"""Files to resources: what can be told from the files alone, every error with its file, document and path."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ValidationError

from osie.core.errors import OsieError
from osie.tink import advice, documents, scalars
from osie.tink.resources import API_VERSION, FORMS, HardwareResource, Kind, Ref, Resource
from osie.tink.template import ActionForm, TaskForm, TemplateForm


@dataclass(frozen=True)
class Source:
    """Where a resource was written."""

    file: str
    document: int | None  # from 1; None: the file as a whole
    item: str = ""  # such as items[3], where the document is a List


@dataclass(frozen=True)
class Fault:
    """One reason not to apply."""

    file: str
    document: int | None
    path: str  # such as spec.interfaces[0].dhcp.mac; "" for the document itself
    message: str

    @classmethod
    def at(cls, source: Source, path: str, message: str) -> "Fault":
        """A fault in `source`."""
        within = ".".join(part for part in (source.item, path) if part)
        return cls(source.file, source.document, within, message)

    def json(self) -> dict[str, Any]:
        """As the API tells it."""
        return asdict(self)


class RefusedError(OsieError):
    """The files can't be applied; `faults` has every reason."""

    def __init__(self, faults: Sequence[Fault], told_first: str = "nothing was applied") -> None:
        told = "".join(
            f"\n  {f.file}, document {f.document or 1}: {f.path or 'document'}: {f.message}" for f in faults
        )
        super().__init__(f"{told_first}:{told}")
        self.faults = list(faults)


@dataclass
class Batch:
    """What a set of files holds."""

    resources: dict[Ref, Resource] = field(default_factory=dict)
    sources: dict[Ref, Source] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)  # (whose, what has no effect)

    def fault(self, ref: Ref, path: str, message: str) -> None:
        """Note a fault of one of the batch's resources."""
        self.faults.append(Fault.at(self.sources[ref], path, message))

    def warnings(self) -> list[str]:
        """The notes as lines: what holds of many resources alike is told once, with their number."""
        whose: dict[str, list[str]] = {}
        for owner, what in self.notes:
            whose.setdefault(what, []).append(owner)
        return [
            f"{owners[0]}{f' and {len(owners) - 1} more' if len(owners) > 1 else ''}: {what}"
            for what, owners in whose.items()
        ]


def parse(files: Sequence[tuple[str, str]]) -> Batch:
    """Read (name, text) files together."""
    batch = Batch()
    for name, text in files:
        found = False
        if len(text) > documents.MAX_CHARACTERS:
            batch.faults.append(Fault(name, None, "", f"longer than {documents.MAX_CHARACTERS} characters"))
            continue
        for document in documents.split(text):
            for item, value in _listed(document.value):
                found = True
                _read(batch, Source(name, document.index, item), value)
        if not found:
            batch.faults.append(Fault(name, None, "", "no document in it"))
    return batch


def _listed(value: Any) -> list[tuple[str, Any]]:
    """A List's items, as `get -o json` and kubectl print several; anything else is itself, alone."""
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        return [(f"items[{number}]", item) for number, item in enumerate(value["items"])]
    return [("", value)]


def _read(batch: Batch, source: Source, value: Any) -> None:
    if isinstance(value, documents.UnreadableError):
        batch.faults.append(Fault.at(source, "", str(value)))
        return
    faults = _head_faults(source, scalars.settle(value))
    if not faults:
        value = scalars.settle(value, FORMS[value["kind"]])
        faults = [Fault.at(source, path_of(path), reason) for path, reason in scalars.unstorable(value)]
    if faults:
        batch.faults += faults
        return
    try:
        form = FORMS[value["kind"]].model_validate(value)
    except ValidationError as error:
        batch.faults += [Fault.at(source, path, message) for path, message in explain(error)]
        return
    ref = Ref(Kind(form.kind), form.metadata.namespace, form.metadata.name)
    if ref in batch.resources:
        first = batch.sources[ref]
        batch.faults.append(
            Fault.at(source, "metadata.name", f"{ref} is in {first.file}, document {first.document}, too")
        )
        return
    batch.sources[ref] = source
    batch.notes += [(str(ref), line) for line in advice.of(form)]
    batch.resources[ref] = Resource(
        ref, value.get("spec") or {}, dict(form.metadata.labels), dict(form.metadata.annotations)
    )


def _head_faults(source: Source, value: Any) -> list[Fault]:
    if not isinstance(value, dict):
        return [Fault.at(source, "", f"expected a mapping, found {_kind_of(value)}")]
    faults = []
    for key, known in (("apiVersion", [API_VERSION]), ("kind", [str(kind) for kind in Kind])):
        told = value.get(key)
        if told is None:
            faults.append(Fault.at(source, key, "missing"))
        elif told not in known:
            faults.append(Fault.at(source, key, f"unknown: {told!r}; known: {', '.join(known)}"))
    return faults


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """pydantic's findings as (path, sentence)."""
    return [(path_of(found["loc"]), _sentence(dict(found))) for found in error.errors(include_url=False)]


def path_of(parts: Sequence[int | str]) -> str:
    """Keys and numbers as one text: spec.interfaces[0].dhcp.mac."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


_KNOWN_KEYS = [
    *(
        field.alias or name
        for form in (ActionForm, TaskForm, TemplateForm)
        for name, field in form.model_fields.items()
    ),
    *HardwareResource.model_fields,
]


def _sentence(found: dict[str, Any]) -> str:
    match found["type"]:
        case "missing":
            return "missing"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(found["loc"][-1]), _KNOWN_KEYS, n=1)
            return "unknown key" + (f": did you mean {near[0]!r}?" if near else "")
        case "value_error":
            return str(found["ctx"]["error"])
        case "string_type":
            return f"expected text, found {_kind_of(found['input'])}"
        case "string_pattern_mismatch":
            return f"{found['input']!r}: expected lower-case letters, digits, '-' and '.'"
        case _:
            return f"{found['msg']} (found {_kind_of(found['input'])})"


def _kind_of(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else repr(value)[:80]
