"""Files to resources: what can be told from the files alone, every error with its file, document and path."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from pydantic import ValidationError

from osie.core import storable
from osie.core.errors import OsieError
from osie.tink.domain import crd, heads, keys, scalars
from osie.tink.domain.keys import nearest, path_of
from osie.tink.domain.resources import FORMS, HardwareResource, Kind, Ref, Resource, WorkflowResource
from osie.tink.files import advice, documents

# What pydantic calls it (https://docs.pydantic.dev/latest/errors/validation_errors/) -> what was expected.
_EXPECTED = {
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping"),
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    "string_type": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "string_too_long": "at most {max_length} characters",
    "too_long": "at most {max_length} characters",
    "literal_error": "{expected}",
}


@dataclass(frozen=True)
class Source:
    """Where a resource was written."""

    file: str
    document: int | None  # from 1; None: the file as a whole
    item: str = ""  # such as items[3], where the document is a List

    def __str__(self) -> str:
        return ", ".join(part for part in (self.file, f"document {self.document or 1}", self.item) if part)


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
    left_out: list[Source] = field(default_factory=list)  # what isn't of Osie's kinds
    notes: list[tuple[str, str]] = field(default_factory=list)  # (whose, what has no effect)

    def fault(self, ref: Ref, path: str, message: str) -> None:
        """Note a fault of one of the batch's resources."""
        self.faults.append(Fault.at(self.sources[ref], path, message))

    def warnings(self) -> list[str]:
        """The notes as lines: what holds of many resources alike is told once, with their number."""
        whose: dict[str, list[str]] = {}
        for owner, what in self.notes:
            whose.setdefault(what, []).append(owner)
        whose = {what: list(dict.fromkeys(owners)) for what, owners in whose.items()}
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
    if batch.left_out and not batch.resources and not batch.faults:
        told = "; ".join(batch.warnings())
        batch.faults.append(Fault.at(batch.left_out[0], "", f"there is nothing else to apply: {told}"))
    return batch


def _listed(value: Any) -> list[tuple[str, Any]]:
    """A list's items, as `get -o json`, kubectl and the API print several; anything else is itself, alone.

    The items of a HardwareList may leave out what the list says of them all.
    """
    if not isinstance(value, dict) or "spec" in value:
        return [("", value)]
    kind = str(value.get("kind") or ("List" if "items" in value else ""))
    own = kind.removesuffix("List")
    items = value.get("items")
    if not isinstance(items, list):
        items = scalars.settle(items)
    if own == kind or not (own in FORMS or own == "" or isinstance(items, list)):
        return [("", value)]
    if "items" not in value or not isinstance(items, list | None):
        told = f"expected a list, found {_kind_of(items)}" if "items" in value else "missing"
        return [("items", documents.UnreadableError(told))]
    said = {"apiVersion": value.get("apiVersion"), "kind": own} if own else {}
    return [
        (f"items[{number}]", {**said, **item} if isinstance(item, dict) else item)
        for number, item in enumerate(items or ())
    ]


def _read(batch: Batch, source: Source, value: Any) -> None:
    if isinstance(value, documents.UnreadableError):
        batch.faults.append(Fault.at(source, "", str(value)))
        return
    plain = scalars.settle(value)
    if not isinstance(plain, dict):
        batch.faults.append(Fault.at(source, "", f"expected a mapping, found {_kind_of(plain)}"))
        return
    left_out = heads.foreign(plain)
    if left_out:
        batch.left_out.append(source)
        batch.notes.append((_named(plain, source), f"left out: {left_out}"))
        return
    faults = [Fault.at(source, path, reason) for path, reason in heads.faults(plain)]
    if not faults:
        value = _without_own(scalars.settle(value, FORMS[plain["kind"]]))
        faults = [Fault.at(source, path_of(path), reason) for path, reason in storable.unstorable(value)]
    if faults:
        batch.faults += faults
        return
    _accept(batch, source, value)


def _accept(batch: Batch, source: Source, value: dict[str, Any]) -> None:
    """Take a document of a kind of ours, or note each of its faults."""
    kind = Kind(value["kind"])
    spec = value.get("spec") if isinstance(value.get("spec"), dict) else {}
    strays = advice.strays(kind, spec or {})
    heading = list(islice(keys.strays(value.get("metadata"), crd.OBJECT_META), advice.MOST))
    faults = [*advice.misspelt(strays, "spec"), *advice.misspelt(heading, "metadata")]
    try:
        form = FORMS[kind].model_validate(value)
    except ValidationError as error:
        faults += explain(error)
    if faults:
        batch.faults += [Fault.at(source, path, message) for path, message in faults]
        return
    ref = Ref(kind, form.metadata.namespace, form.metadata.name)
    if isinstance(form, WorkflowResource) and not form.spec.templateRef:
        batch.left_out.append(source)
        batch.notes.append((f"{ref} ({source})", "left out: it names no template in spec.templateRef"))
        return
    if ref in batch.resources:
        first = batch.sources[ref]
        message = f"{ref} is in {first.file}, document {first.document}, too"
        batch.faults.append(Fault.at(source, "metadata.name", message))
        return
    batch.sources[ref] = source
    batch.notes += [(str(ref), line) for line in advice.of(kind, spec or {})]
    batch.resources[ref] = Resource(
        ref, spec or {}, dict(form.metadata.labels), dict(form.metadata.annotations)
    )


def _without_own(value: dict[str, Any]) -> dict[str, Any]:
    """The document without the operator's own keys beside `spec`, which hold anchors and comments."""
    return {key: item for key, item in value.items() if not key.startswith("x-")}


def _named(value: dict[str, Any], source: Source) -> str:
    """A foreign document as a warning names it; its texts are a stranger's."""
    metadata = value.get("metadata")
    told = metadata if isinstance(metadata, dict) else {}
    names = [str(told[key]) for key in ("namespace", "name") if told.get(key)]
    name = f"{value['kind']} {'/'.join(names)}".strip()
    return f"{name if name.isprintable() else ascii(name)} ({source})"[:200]


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """pydantic's findings as (path, sentence)."""
    return [(path_of(found["loc"]), _sentence(dict(found))) for found in error.errors(include_url=False)]


def _sentence(found: dict[str, Any]) -> str:
    match found["type"]:
        case "missing":
            return "missing"
        case "extra_forbidden":
            near = nearest(str(found["loc"][-1]), HardwareResource.model_fields)
            return "unknown key" + (f": did you mean {near!r}?" if near else "")
        case "value_error":
            return str(found["ctx"]["error"])
        case "too_short" | "string_too_short" if not found["input"]:
            return "is empty"
        case "string_pattern_mismatch":
            return f"{found['input']!r}: expected lower-case letters, digits, '-' and '.'"
        case kind:
            what = _kind_of(found["input"])
            expected = _EXPECTED.get(kind, "").format(**found.get("ctx", {}))
            return f"expected {expected}, found {what}" if expected else f"{found['msg']} (found {what})"


def _kind_of(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else repr(value)[:80]
