"""What the soak's machines have to do, and what the store says of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from osie.tink.domain.workflow import ENDED, Workflow
from osie.tink.store import workflow_rows
from osie.tink.store.database import Store
from osie.tink.store.tables import workflows

_EVENTS = 1_000_000

_TEMPLATE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: NAME}
spec:
  data: |
    version: "0.1"
    name: soak
    tasks:
      - name: soak
        worker: "{{ .machine }}"
        actions:
          - {name: prepare, image: soak}
          - {name: flaky, image: soak, retries: 2, retry-backoff: 1, on-failure: [tidy]}
          - {name: restart, image: soak, reboot: true}
          - {name: write, image: soak}
          - {name: finish, image: soak}
"""
_CONDITION = """, if: 'eq .actions.flaky.state "SUCCESS"'}"""
_CONDITIONAL_EVERY = 10  # machines: a condition costs a process each time, and the soak is no test of that


def _template(name: str, condition: str = "") -> tuple[str, str]:
    finish = "name: finish, image: soak"
    return name, _TEMPLATE.replace("NAME", name).replace(finish + "}", finish + (condition or "}"))


@dataclass(frozen=True)
class Plan:
    """How much of a soak."""

    machines: int
    minutes: float
    action_s: float  # an action's mean
    each: int  # workflows of a machine, one after the other

    @property
    def macs(self) -> list[str]:
        """The machines' hardware addresses."""
        return [f"52:54:00:01:{n >> 8:02x}:{n & 255:02x}" for n in range(self.machines)]

    @property
    def workflows(self) -> int:
        """How many there are."""
        return self.each * self.machines


def manifests(plan: Plan) -> list[tuple[str, str]]:
    """The machines, the template and the workflows."""
    files = [_template("plain"), _template("conditional", _CONDITION)]
    for number, mac in enumerate(plan.macs):
        template = "plain" if number % _CONDITIONAL_EVERY else "conditional"
        hardware = {
            "apiVersion": "tinkerbell.org/v1alpha1",
            "kind": "Hardware",
            "metadata": {"name": f"m{number}"},
            "spec": {
                "interfaces": [{"dhcp": {"mac": mac}, "netboot": {"allowPXE": True, "allowWorkflow": True}}]
            },
        }
        files.append((f"m{number}", json.dumps(hardware)))
        for place in range(plan.each):
            workflow = {
                "apiVersion": "tinkerbell.org/v1alpha1",
                "kind": "Workflow",
                "metadata": {"name": f"m{number}-{place}"},
                "spec": {
                    "templateRef": template,
                    "hardwareRef": f"m{number}",
                    "hardwareMap": {"machine": mac},
                },
            }
            files.append((f"m{number}-{place}", json.dumps(workflow)))
    return files


async def unended(store: Store) -> int:
    """How many workflows have not ended."""
    query = sa.select(sa.func.count()).select_from(workflows).where(workflows.c.state.not_in(ENDED))
    async with store.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def told(store: Store) -> dict[str, tuple[Workflow, Sequence[Mapping[Any, Any]]]]:
    """Every workflow with its events, by "namespace/name"."""
    found: dict[str, tuple[Workflow, Sequence[Mapping[Any, Any]]]] = {}
    columns = workflows.c
    async with store.read() as connection:
        rows = await connection.execute(sa.select(columns.id, columns.document))
        for workflow_id, document in rows.all():
            workflow = workflow_rows.decode(document)
            events = await workflow_rows.events_after(connection, workflow_id, 0, _EVENTS)
            found[f"{workflow.namespace}/{workflow.name}"] = (workflow, events)
    return found
