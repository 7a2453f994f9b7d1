"""The reference's examples, as they stand there, work."""

import re
from pathlib import Path

from osie.tink.service.service import Tink

DOCS = Path(__file__).parents[3] / "docs"


async def test_the_examples_of_the_reference_apply(tink: Tink) -> None:
    """The three manifests in docs/reference/resources.md are a batch that is accepted whole."""
    text = (DOCS / "reference" / "resources.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    applied = await tink.resources.apply([(f"example {n}", block) for n, block in enumerate(blocks)])
    assert [(ref.kind, change) for ref, change in applied.changes] == [
        ("Hardware", "created"),
        ("Template", "created"),
        ("Workflow", "created"),
    ]
    workflow, turn = await tink.agents.get_action("rack-7-slot-3")
    assert workflow.name == "install-machine-1"
    assert "COMPRESSED=true" in turn.action.environment
    assert turn.action.volumes == ("/dev:/dev",)
