"""Upstream's Smee netboots a machine into our ramdisk; our server has its work."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from rack import Rack, hardware_yaml
from rich.console import Console

from osie.cli.demo.performance import Built, build
from osie.cli.demo.stage import Stage
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root
from osie.core.process import run
from osie.lab.network import BRIDGE

from . import smee

OURS = (
    "192.168.138.1"  # our server's address: a router away from the machines, who have Smee in their network
)
DEVICE = "osie0"
KERNEL = ("console=tty0", "console=ttyS0,115200", f"insecure_registries={OURS}:5000")


class Beside(Stage):
    """Our whole server beside Smee: it answers DHCP in a network of its own, where nobody asks."""

    @property
    def address(self) -> str:
        """Where the machines reach it."""
        return OURS

    def settings(self) -> str:
        """The server's config file."""
        return super().settings().replace(json.dumps(BRIDGE), json.dumps(DEVICE))

    async def start_server(self) -> None:
        """Make its network, and start it there."""
        device = ["ip", "-netns", self.network.name]
        run([*device, "link", "add", DEVICE, "type", "dummy"])
        run([*device, "address", "add", f"{OURS}/24", "dev", DEVICE])
        run([*device, "link", "set", DEVICE, "up"])
        await super().start_server()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The ramdisk, the images and the lab's OS, as `osie demo` builds them."""
    with TerminalProgress(Console()) as progress:
        return build(Workshop.at(cache_root(), progress), "virtual", tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
async def rack(built: Built, tmp_path: Path) -> AsyncIterator[Rack]:
    """A rack whose machines Smee boots."""
    served = tmp_path / "images"
    served.mkdir()
    shutil.copyfile(built.os.path, served / "os.raw.zst")
    async with AsyncExitStack() as stack:
        stage = Beside(tmp_path, artifacts=built.artifacts, layout=built.layout, images=served)
        await stack.enter_async_context(stage)
        rack = Rack(stage, served)
        await stack.enter_async_context(await rack.add(1024))
        (machine,) = rack.machines
        known = [yaml.safe_load(hardware_yaml("machine-0", machine.hardware.mac, 0))]
        options = [
            *(f"--dhcp-bind-interface={BRIDGE}", f"--ipxe-script-tink-server-addr-port={OURS}:42113"),
            f"--ipxe-http-script-osie-url=http://{OURS}:7171/artifacts",
            f"--ipxe-http-script-extra-kernel-args={' '.join(KERNEL)}",
        ]
        address = stage.network.address
        argv = smee.command(os.environ["OSIE_TINKERBELL"], tmp_path, known, address, 7171, *options)
        with (tmp_path / "smee.log").open("ab") as log:
            stage.network.popen(argv, stdout=log, stderr=subprocess.STDOUT)
        yield rack


@pytest.mark.parametrize("firmware", ["bios"])
async def test_smee_boots_our_ramdisk(rack: Rack, tmp_path: Path) -> None:
    """DHCP, iPXE and its script are Smee's; the kernel, the ramdisk, its worker and the action are ours."""
    name = await rack.start(
        "install",
        0,
        [
            {
                "name": "write",
                "image": "quay.io/tinkerbell/actions/image2disk:latest",
                "timeout": 600,
                "environment": {
                    "IMG_URL": f"http://{OURS}:7171/images/os.raw.zst",
                    "DEST_DISK": "/dev/vda",
                    "COMPRESSED": "true",
                },
            }
        ],
    )
    machine = rack.machines[0]
    await machine.power_on()
    await machine.console.wait_for(
        "Loading the Tinkerbell Hook iPXE script", 120, since=machine.powered_on_at
    )
    await machine.console.wait_for("osie: worker ok", 300, since=machine.powered_on_at)
    ended = await rack.ended(name, 400)
    assert ended["status"]["state"] == "SUCCESS", ended["status"]
