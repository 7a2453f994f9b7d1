"""The workflow of these tests, as files that both servers take."""

from pathlib import Path
from typing import Any

import yaml

API = "tinkerbell.org/v1alpha1"


def hardware(name: str, mac: str, address: str) -> dict[str, Any]:
    """A machine."""
    interface = {
        "dhcp": {"mac": mac, "ip": {"address": address, "netmask": "255.255.255.0"}},
        "netboot": {"allowPXE": True, "allowWorkflow": True},
    }
    spec = {"agentID": mac, "disks": [{"device": "/dev/vda"}], "interfaces": [interface]}
    return {"apiVersion": API, "kind": "Hardware", "metadata": {"name": name}, "spec": spec}


def template(tasks: list[dict[str, Any]], name: str = "t") -> dict[str, Any]:
    """A template."""
    data = yaml.safe_dump({"version": "0.1", "name": name, "global_timeout": 600, "tasks": tasks})
    spec = {"data": data}
    return {"apiVersion": API, "kind": "Template", "metadata": {"name": name}, "spec": spec}


def workflow(macs: tuple[str, ...], name: str = "w", template: str = "t") -> dict[str, Any]:
    """A workflow; its template knows the machines as device_1 and so on."""
    named = {f"device_{number}": mac for number, mac in enumerate(macs, start=1)}
    spec = {"templateRef": template, "hardwareRef": "m1", "hardwareMap": named}
    return {"apiVersion": API, "kind": "Workflow", "metadata": {"name": name}, "spec": spec}


def task(shared: Path, actions: list[dict[str, Any]], number: int = 1) -> dict[str, Any]:
    """A task for machine `number`, which mounts /shared."""
    return {
        "name": f"task-{number}",
        "worker": f"{{{{ .device_{number} }}}}",
        "volumes": [f"{shared}:/shared"],
        "environment": {"OF_THE_TASK": "task", "BOTH": "task"},
        "actions": actions,
    }


def action(name: str, image: str, script: str, **more: Any) -> dict[str, Any]:
    """An action that runs a shell script."""
    return {"name": name, "image": image, "timeout": 60, "command": ["/bin/sh", "-c", script], **more}


def everything(shared: Path, image: str) -> list[dict[str, Any]]:
    """Every field of an action that both generations and both servers have, and what must come of them."""
    return [
        task(
            shared,
            [
                action("environment", image, 'echo "$OF_THE_TASK $BOTH $OWN" > /shared/environment',
                       environment={"BOTH": "action", "OWN": "a b=c"}),
                action("volumes", image, "cat /more/input > /shared/volumes",
                       volumes=[f"{shared}/more:/more"]),
                action("pid", image, "cat /proc/1/comm > /shared/pid", pid="host"),
            ],
        )
    ]  # fmt: skip


def prepare(shared: Path) -> None:
    """What `everything` reads."""
    (shared / "more").mkdir()
    (shared / "more" / "input").write_text("input\n")


def check(shared: Path) -> None:
    """What `everything` did."""
    assert (shared / "environment").read_text() == "task action a b=c\n"
    assert (shared / "volumes").read_text() == "input\n"
    assert (shared / "pid").read_text() == "dockerd\n"  # "host" is the engine's own namespace


def names(shared: Path) -> list[str]:
    """What the actions left."""
    return sorted(path.name for path in shared.iterdir())


def dump(*documents: dict[str, Any]) -> str:
    """One file of them."""
    return yaml.safe_dump_all(documents)
