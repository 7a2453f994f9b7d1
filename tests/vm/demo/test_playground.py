"""Tinkerbell's playground installs by a template whose last action is kexec: so does ours."""

import asyncio
import secrets
import shutil
import time
from contextlib import AsyncExitStack
from pathlib import Path

import yaml
from rack import Rack, document

from osie.cli.client import Json
from osie.cli.demo.performance import Built
from osie.cli.demo.stage import Stage

TEMPLATE = Path(__file__).with_name("playground.yaml")
_INSTALLED_S, _UP_S = 600.0, 300.0  # 50 and 15 on an idle host


async def _events(rack: Rack) -> list[Json]:
    events: list[Json] = (await rack.client.request("GET", f"/machines/{rack.mac(0)}/events"))["items"]
    return events


async def _phoned_home(rack: Rack, token: str) -> None:
    deadline = time.monotonic() + _UP_S
    while not any(event["fields"].get("token") == token for event in await _events(rack)):
        assert not rack.machines[0].tcg_fault, "QEMU's emulator broke the guest"
        assert time.monotonic() < deadline, "the installed OS didn't phone home"
        await asyncio.sleep(0.2)


async def test_the_playgrounds_template_runs_to_its_end(built: Built, tmp_path: Path) -> None:
    """The image and the files are written, kexec starts the OS, which tells a token that is only on its disk;
    the workflow is SUCCESS by then, and the machine went through its firmware once, when it was switched on.
    """
    served, token = tmp_path / "images", secrets.token_hex(16)
    served.mkdir()
    shutil.copyfile(built.os.path, served / "os.raw.zst")
    stage = Stage(tmp_path, artifacts=built.artifacts, layout=built.layout, images=served)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage)
        rack = Rack(stage, served)
        machine = await stack.enter_async_context(await rack.add(1024))
        values = {
            "device_1": rack.mac(0),
            "image_url": f"{stage.boots_url}/images/os.raw.zst",
            "phone_home_url": f"{stage.boots_url}/phone-home",
            "token": token,
        }
        spec = {"templateRef": "playground", "hardwareRef": machine.hardware.name, "hardwareMap": values}
        workflow = yaml.safe_dump(document("Workflow", "playground", spec))
        await stage.client.apply([("template.yaml", TEMPLATE.read_text()), ("workflow.yaml", workflow)])
        await machine.power_on()
        status = (await rack.ended("playground", _INSTALLED_S))["status"]
        assert status["state"] == "SUCCESS", status["message"]
        await _phoned_home(rack, token)
        assert [event.name for event in machine.events.items if event.name == "RESET"] == []
        scripts = [event for event in await _events(rack) if event["event"] == "ipxe_script"]
        assert len(scripts) == 1
        starts = await rack.starts("playground")
        assert set(starts.values()) == {1}
        assert len(starts) == 5
