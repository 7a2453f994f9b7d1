"""Upstream's Smee netboots a machine into our ramdisk, and an action of ours runs on it."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import disk_images
import pytest
import yaml
from rack import Rack, hardware_yaml

from osie.cli.demo.stage import Stage
from osie.cli.workshop import Workshop, cache_root
from osie.core.cache import Silent
from osie.core.process import run
from osie.lab.network import BRIDGE
from osie.lab.qemu import Firmware

from . import smee

OURS = "192.168.138.1"  # our server's address; the machines reach it through their router
INTERFACE = "br1"
SMEE_PORT = 7080
IMAGE_BYTES = 8 << 20
KERNEL = (
    # Smee's script has the host of --public-ipv4, its own; of a parameter given twice the last one counts.
    f"grpc_authority={OURS}:42113",
    f"insecure_registries={OURS}:5000",
    # The kernel has one serial console, the first that it is told of: Smee's script begins with ttyS1,
    # which this machine lacks. The early one stays, so that the lab sees when its emulator fails.
    *("earlycon=uart8250,io,0x3f8,115200", "keep_bootcon"),
)


class Apart(Stage):
    """Our whole server in a network of its own: what machines ask for on the bridge, only Smee answers."""

    @property
    def address(self) -> str:
        """Where the machines reach it."""
        return OURS

    @property
    def interface(self) -> str:
        """Nobody asks for an address there."""
        return INTERFACE

    async def start_server(self) -> None:
        """Make its network, and start it there."""
        here = ["ip", "-netns", self.network.name]
        run([*here, "link", "add", INTERFACE, "type", "bridge"])
        run([*here, "address", "add", f"{OURS}/24", "dev", INTERFACE])
        run([*here, "link", "set", INTERFACE, "up"])
        await super().start_server()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel and the ramdisk of the lightest profile; the images are in the workshop's layout."""
    folder = tmp_path_factory.mktemp("artifacts")
    Workshop.at(cache_root(), Silent()).ramdisk("virtual", folder)
    return folder


@pytest.fixture
async def rack(firmware: Firmware, artifacts: Path, tmp_path: Path) -> AsyncIterator[Rack]:
    """A machine that Smee knows, and our server, which has the files that Smee names."""
    layout, served = Workshop.at(cache_root(), Silent()).layout, tmp_path / "images"
    served.mkdir()
    async with AsyncExitStack() as stack:
        stage = Apart(tmp_path, artifacts=artifacts, layout=layout, images=served)
        await stack.enter_async_context(stage)
        rack = Rack(stage, served)
        machine = await stack.enter_async_context(await rack.add(512, firmware=firmware))
        known = [yaml.safe_load(hardware_yaml(machine.hardware.name, machine.hardware.mac, 0))]
        options = [
            f"--dhcp-bind-interface={BRIDGE}",
            f"--ipxe-http-script-osie-url={stage.boots_url}/artifacts",
            f"--ipxe-http-script-extra-kernel-args={' '.join(KERNEL)}",
        ]
        program, address = os.environ["OSIE_TINKERBELL"], stage.network.address
        argv = smee.command(program, tmp_path, known, address, SMEE_PORT, *options)
        with (tmp_path / "smee.log").open("ab") as log:
            stage.network.popen(argv, stdout=log, stderr=subprocess.STDOUT)
        yield rack


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
async def test_smee_boots_our_ramdisk(rack: Rack, tmp_path: Path) -> None:
    """DHCP, iPXE, its script and syslog are Smee's; the kernel, the ramdisk, worker and action are ours."""
    machine, image = rack.machines[0], disk_images.noise(IMAGE_BYTES)
    (rack.served / "disk.raw").write_bytes(image)
    action = {
        "name": "write",
        "image": "quay.io/tinkerbell/actions/image2disk:latest",
        "timeout": 300,
        "environment": {"IMG_URL": f"{rack.stage.boots_url}/images/disk.raw", "DEST_DISK": "/dev/vda"},
    }
    name = await rack.start("install", 0, [action])
    await machine.power_on()
    await machine.console.wait_for("Loading the Tinkerbell Hook iPXE script", 120)
    ended = await rack.ended(name, 420)
    assert ended["status"]["state"] == "SUCCESS", ended["status"]
    with machine.hardware.disk.open("rb") as disk:
        assert disk.read(IMAGE_BYTES) == image
    assert "osie: worker ok" in (tmp_path / "smee.log").read_text()
