"""Actions whose images the ramdisk has. What can go wrong while actions run: the machine lives on, and the
console and the server are told.
"""

import re
import time
from typing import Any

import pytest
from rack import Rack

from osie.cli.client import Json

from .conftest import OTHER_TOOL, TOOL, Tool

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACTIONS = "quay.io/tinkerbell/actions"


def _action(fault: str, image: str = "fault", **more: Any) -> Json:
    return {
        "name": fault,
        "image": f"{ACTIONS}/{image}:latest",
        "timeout": 120,
        "environment": {"FAULT": fault},
        **more,
    }


async def test_images_in_the_ramdisk_need_no_registry(rack: Rack, tool: Tool) -> None:
    """By tag, by digest and in short; what a layer removed is gone; none is removed with the next action.

    The names are of a registry that there isn't, and Docker Hub's, which no machine here can reach. Before,
    one of the images is pulled under another name, and goes after its action: under that name only.
    """
    pulled = {"name": "pulled", "image": f"{ACTIONS}/writefile:latest", "timeout": 60}
    for name in [await rack.start("pulled", number, [pulled]) for number in (0, 1)]:
        assert "DEST_DISK" in (await rack.ended(name))["status"]["message"]
    before = [len(machine.console.lines) for machine in rack.machines]
    pinned, platforms = (f"{TOOL}@{digest}" for digest in tool.digests)
    ours = "docker.io/tools/writefile:latest"
    images = {"tag": f"{TOOL}:1.2", "pin": pinned, "platforms": platforms, "other": OTHER_TOOL, "ours": ours}
    actions = [{"name": name, "image": image, "timeout": 60} for name, image in images.items()]
    names = [await rack.start("embedded", number, actions) for number in (0, 1)]
    for name in names:
        status = (await rack.ended(name))["status"]
        assert "ours" in status["message"], status["message"]
        assert "DEST_DISK" in status["message"], "it ran, and lacked what it works on"
        assert await rack.starts(name) == dict.fromkeys(images, 1)
        for action in ("tag", "pin", "platforms"):
            assert await rack.log(name, action) == ["a-kept", "d/last d/own", "7:8:4751"]
        (listed,) = await rack.log(name, "other")
        assert "/bin" in listed.split()
    for machine, number in zip(rack.machines, before, strict=True):
        assert not [line.text for line in machine.console.lines[number:] if "image_pulled" in line.text]


@pytest.mark.parametrize(("number", "victim"), [(0, "dockerd"), (0, "containerd"), (1, "podman")])
async def test_the_engine_dies_under_an_action(rack: Rack, number: int, victim: str) -> None:
    """SIGKILL: it is started again, and the action, which ran on, ends once and is reported."""
    console, began = rack.machines[number].console, time.time()
    harm = {"FAULT": "engine", "VICTIM": victim, "LASTS_S": "8"}
    name = await rack.start(victim, number, [_action("engine", pid="host", environment=harm)])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]
    assert await rack.log(name) == ["began: engine", "killed", "ended: engine"]
    assert await rack.starts(name) == {"engine": 1}
    ended = await console.wait_for("osie: engine-ended", 60, since=began)
    await console.wait_for("osie: engine ok", 60, since=ended.at)
    told = await console.wait_for("osie: containers", 60, since=ended.at)
    # the worker's own container is being made anew by then, or was already
    assert re.search(r"tink-[0-9a-f]{8}-\S+=running", told.text)


@pytest.mark.parametrize("number", [0, 1], ids=["docker", "podman"])
async def test_an_action_that_fills_the_storage(rack: Rack, number: int) -> None:
    """The engine's storage has a bound: the action that reaches it fails with that reason, and only it.

    Its container goes, and with it what it wrote: the next action has room.
    """
    name = await rack.start("storage", number, [_action("storage")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert re.search(r"the engine's storage, \d+ MiB of this machine's memory, is full", status["message"])
    assert "No space left on device" in status["message"]
    told = await rack.machines[number].console.wait_for("osie: storage-full", 10)
    assert "reason=" in told.text
    name = await rack.start("room", number, [_action("nothing")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]


@pytest.mark.parametrize("number", [0, 1], ids=["docker", "podman"])
async def test_an_image_that_does_not_fit(rack: Rack, number: int) -> None:
    """An image larger than the engine's storage fails the action, with the same reason."""
    name = await rack.start("huge", number, [_action("huge", image="huge")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert re.search(r"the engine's storage, \d+ MiB of this machine's memory, is full", status["message"])
    assert "huge" in status["message"]


@pytest.mark.parametrize("number", [0, 1], ids=["docker", "podman"])
async def test_an_action_that_takes_all_memory(rack: Rack, number: int) -> None:
    """The kernel ends the action, not the engine nor our program; it fails, and the next one succeeds."""
    name = await rack.start("memory", number, [_action("memory")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert "137" in status["message"]
    told = await rack.machines[number].console.wait_for("osie: out-of-memory", 10)
    assert "killed=python3" in told.text
    name = await rack.start("after", number, [_action("nothing")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]
    assert not any("osie: restarted" in line.text for line in rack.machines[number].console.lines)


async def test_what_fails_is_tried_again_and_then_its_hook_runs(rack: Rack) -> None:
    """Attempts are containers of their own; the hook is one after the last of them, and saves nothing."""
    flaky = _action("flaky", retries=2, volumes=["/tmp:/host"]) | {"retry-backoff": 1}
    broken = _action("broken", retries=1) | {"retry-backoff": 1, "on-failure": ["tell", "it"]}
    name = await rack.start("again", 1, [flaky, broken])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert "broken" in status["message"]
    log = await rack.log(name)
    assert [line for line in log if line.startswith(("attempt", "hook"))] == [
        "attempt 1",
        "attempt 2",
        "attempt 3",
        "hook: tell it",
    ]
    assert log.count("began: broken") == 2
    assert await rack.starts(name) == {"flaky": 3, "broken": 2, "broken.on-failure": 1}


async def test_what_is_cancelled_stops_and_the_next_workflow_begins(rack: Rack) -> None:
    """The worker hears of it while the action runs, and ends its container before it asks for work again."""
    name = await rack.start("endless", 0, [_action("endless")])
    await rack.printed(name, "began: endless")
    await rack.client.request("POST", f"/workflows/{name}/cancel", json={"who": "alice", "why": "enough"})
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert "operator alice" in status["message"]
    assert "enough" in status["message"]
    name = await rack.start("next", 0, [_action("look", pid="host")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]
    assert "running: 0" in await rack.log(name)
