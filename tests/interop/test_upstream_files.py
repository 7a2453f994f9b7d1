"""The resources in upstream's own source and documentation: what is valid there is valid here."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from osie.tink.files.manifest import RefusedError
from osie.tink.service import diffing

from . import workflows
from .conftest import MACS
from .rendering_there import Job, rendered

KINDS = {"Hardware", "Template", "Workflow"}
FENCED = re.compile(r"^([ \t]*)```ya?ml[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def texts(path: Path) -> Iterator[str]:
    """The YAML in a file."""
    text = path.read_text(errors="replace")
    yield from (found[2] for found in FENCED.finditer(text)) if path.suffix == ".md" else (text,)


def resources() -> list[tuple[str, dict[str, Any]]]:
    """Every resource of ours in upstream's source, with its file."""
    source = Path(os.environ["OSIE_TINKERBELL_SOURCE"])
    found = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in {".md", ".yaml", ".yml"} or path.relative_to(source).parts[0] == "helm":
            continue
        for text in texts(path):
            try:
                documents = list(yaml.safe_load_all(text))
            except yaml.YAMLError:
                continue
            for each in [item for told in documents for item in (told if isinstance(told, list) else [told])]:
                ours = isinstance(each, dict) and each.get("apiVersion") == workflows.API
                if ours and each.get("kind") in KINDS:
                    found.append((f"{path.relative_to(source)}-{each['metadata'].get('name')}", each))
    return found


FOUND = resources()
# Refused here, and told why: a machine for upstream's own tests that is wrong, and part of a workflow.
REFUSED = {
    "pkg/backend/file/testdata/example.yaml-bad-data": "'3' does not appear to be",
    "docs/technical/L3_ISO_SUPPORT.md-example": "names no template",
}


@pytest.mark.parametrize(("name", "document"), FOUND, ids=[name for name, _ in FOUND])
async def test_what_upstream_shows_is_valid(name: str, document: dict[str, Any]) -> None:
    """Each of them passes `osie validate`; a template that upstream's controller takes makes a workflow."""
    documents = [document]
    if document["kind"] == "Template":
        machine = workflows.hardware("m1", MACS[0], "10.0.0.1")
        text, known = document["spec"]["data"], {"device_1": MACS[0]}
        (answer,) = rendered(os.environ["OSIE_RENDER"], [Job(text, machine, known)])
        assert not answer.verdict
        documents += [machine, workflows.workflow(MACS[:1], template=document["metadata"]["name"])]
    if name in REFUSED:
        with pytest.raises(RefusedError, match=REFUSED[name]):
            await diffing.validate([(name, yaml.safe_dump_all(documents))])
        return
    verdict = await diffing.validate([(name, yaml.safe_dump_all(documents))])
    assert len(verdict.resources) == len(documents)


def test_some_are_found() -> None:
    """Upstream's source has them, and what is refused here."""
    assert {document["kind"] for _, document in FOUND} == KINDS
    assert REFUSED.keys() <= {name for name, _ in FOUND}
