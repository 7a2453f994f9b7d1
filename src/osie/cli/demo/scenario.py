"""What the demo applies: the resource files beside this module, with this run's values filled in."""

from dataclasses import dataclass
from importlib import resources

import yaml

HARDWARE = "machine-1"
WORKFLOW = "install-machine-1"
MAC = "52:54:00:05:1e:01"


@dataclass(frozen=True)
class Run:
    """What differs from run to run."""

    token: str  # only the installed OS can know it: it is on the disk and nowhere else
    image_url: str
    image_checksum: str  # sha256:HEX of the file behind image_url
    root_partition: int
    phone_home_url: str


def files(run: Run) -> list[tuple[str, str]]:
    """(name, text) of the resource files."""
    folder = resources.files("osie.cli.demo") / "resources"
    texts = {
        name: (folder / name).read_text() for name in ("hardware.yaml", "template.yaml", "workflow.yaml")
    }
    workflow = yaml.safe_load(texts["workflow.yaml"])
    workflow["spec"]["hardwareMap"] |= {
        "token": run.token,
        "image_url": run.image_url,
        "image_checksum": run.image_checksum,
        "root_partition": str(run.root_partition),
        "phone_home_url": run.phone_home_url,
    }
    texts["workflow.yaml"] = yaml.safe_dump(workflow, sort_keys=False)
    return list(texts.items())
