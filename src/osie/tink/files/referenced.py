"""The resources that a Hardware's `references` name, and what templates see of them. Pure.

Upstream's controller reads whatever Kubernetes has, where its rules allow it (processWorkflow in
tink/controller). Here are Hardware, Templates and Workflows only, and who may apply them may read them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from osie.tink.domain import views
from osie.tink.domain.resources import API_VERSION, Kind, Ref, Resource

_KINDS = {"hardware": Kind.HARDWARE, "templates": Kind.TEMPLATE, "workflows": Kind.WORKFLOW}


def named(spec: Mapping[str, Any], namespace: str) -> dict[str, Ref]:
    """The references that can be here, by their names. `namespace`: of the Hardware whose spec it is."""
    found = ((name, _ref(told, namespace)) for name, told in _references(spec))
    return {name: ref for name, ref in found if ref is not None}


def unknown(spec: Mapping[str, Any]) -> Iterator[str]:
    """PATH: SENTENCE of each reference to what can't be here."""
    for name, told in _references(spec):
        if _ref(told, "default") is None:
            yield (
                f"spec.references.{name}: {_told(told)} is not kept here ({', '.join(_KINDS)} of"
                f" {API_VERSION} are), and a template that names it can't be rendered: put the values into"
                " hardwareMap"
            )


def data(found: Mapping[str, Resource]) -> dict[str, Any]:
    """`.references`: each resource as a manifest."""
    return {name: views.written(item) for name, item in found.items()}


def _references(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    references = spec.get("references")
    if isinstance(references, Mapping):
        yield from ((name, told) for name, told in references.items() if isinstance(told, Mapping))


def _ref(told: Mapping[str, Any], namespace: str) -> Ref | None:
    group, version, resource, name = (
        str(told.get(key) or "") for key in ("group", "version", "resource", "name")
    )
    kind = _KINDS.get(resource.lower())
    if kind is None or f"{group.lower()}/{version}" != API_VERSION or not name:
        return None
    return Ref(kind, str(told.get("namespace") or namespace), name)


def _told(told: Mapping[str, Any]) -> str:
    group, resource = (str(told.get(key) or "") for key in ("group", "resource"))
    return repr(".".join(part for part in (resource, group) if part) or "nothing")[:80]
