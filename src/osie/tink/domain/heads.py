"""Whose a document is, by its apiVersion and kind: ours, another program's, or ours misspelt. Pure."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from osie.tink.domain.resources import API_VERSION, Kind

_GROUP = API_VERSION.partition("/")[0]
_KINDS = {str(kind).casefold(): str(kind) for kind in Kind}
# So alike is a slip of the finger; Kubernetes' PodTemplate (0.84) is none.
_ALIKE = 0.85
# What upstream has and Osie has not, and what to do about it.
_UPSTREAMS = {
    f"bmc.{_GROUP}": "Osie drives no BMC: power the machine on, and let it netboot, yourself",
    _GROUP: "Osie makes no workflows by rules: apply a Workflow for each machine",
}
_OTHERS = "no kind of Osie's; what templates shall know of it goes into a Workflow's hardwareMap"


def faults(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Why a document isn't ours, though it seems to be: (key, sentence)."""
    version, kind = value.get("apiVersion"), value.get("kind")
    if version is None:
        yield "apiVersion", "missing"
    elif _group(version) == _GROUP and version != API_VERSION:
        yield "apiVersion", f"{version!r} is not supported: its fields are others; known: {API_VERSION}"
    elif version != API_VERSION and (kind in _KINDS.values() or not isinstance(version, str)):
        yield "apiVersion", f"unknown: {version!r}; known: {API_VERSION}"
    if kind is None:
        yield "kind", "missing"
    elif kind not in _KINDS.values():
        near = _near(kind)
        yield (
            "kind",
            f"unknown: {kind!r}"
            + (f": did you mean {near}?" if near else f"; known: {', '.join(_KINDS.values())}"),
        )


def foreign(value: Mapping[str, Any]) -> str:
    """Why a document is left out and the others are taken; "": it is ours, or meant to be."""
    version, kind = value.get("apiVersion"), value.get("kind")
    if not (isinstance(version, str) and version and isinstance(kind, str) and kind):
        return ""
    group = _group(version)
    if group == _GROUP:
        # Of another version of ours the rest would be half of what was meant.
        is_upstreams = version == API_VERSION and kind in {"WorkflowRuleSet"}
        return _UPSTREAMS[_GROUP] if is_upstreams else ""
    if kind in _KINDS.values():  # Argo has a Workflow, OpenShift a Template
        strange = bool(group) and not group.endswith(f".{_GROUP}") and not _alike(group, [_GROUP])
        return _OTHERS if strange else ""
    return "" if _near(kind) else _UPSTREAMS.get(group, _OTHERS)


def _group(version: object) -> str:
    """apps/v1 -> apps; v1 -> "", Kubernetes' core."""
    group, slash, _ = str(version).partition("/")
    return group if slash else ""


def _near(kind: object) -> str:
    found = _alike(str(kind)[:64].casefold(), list(_KINDS))
    return _KINDS[found[0]] if found else ""


def _alike(word: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(word[:64], known, n=1, cutoff=_ALIKE)
