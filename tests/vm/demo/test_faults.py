"""What goes wrong on the way to an installed OS, on two real machines that stay up between the tests."""

import asyncio
import subprocess
import time
from pathlib import Path

import pytest
from rack import Rack, boot

from osie.cli.client import Json
from osie.cli.demo.performance import Built

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1 << 20
ACTIONS = "quay.io/tinkerbell/actions"


def _write_os(rack: Rack, built: Built, name: str = "os.raw.zst", digest: str = "", **more: str) -> Json:
    return {
        "name": "write-os",
        "image": f"{ACTIONS}/image2disk:latest",
        "timeout": 600,
        "environment": {
            "IMG_URL": f"{rack.stage.boots_url}/images/{name}",
            "CHECKSUM": f"sha256:{digest or built.os.sha256}",
            "DEST_DISK": "/dev/vda",
            **more,
        },
    }


def _sabotage(name: str, **environment: str) -> Json:
    return {
        "name": name,
        "image": f"{ACTIONS}/sabotage:latest",
        "timeout": 120,
        "environment": environment,
        "volumes": ["/var/run/docker.sock:/var/run/docker.sock"],
    }


def _is_blank(disk: Path) -> bool:
    """Whether the disk's first MiB, where boot code and partition table are, is all zeroes."""
    with disk.open("rb") as file:
        return file.read(MIB) == bytes(MIB)


async def test_two_machines_at_once_get_their_own_workflows(rack: Rack) -> None:
    """Two workflows run side by side, each on the machine it names and nowhere else."""
    names = [await rack.start("own", n, [_sabotage("say", VALUE=f"for machine {n}")]) for n in (0, 1)]
    ended = await asyncio.gather(*(rack.ended(name) for name in names))
    assert [w["status"]["state"] for w in ended] == ["SUCCESS", "SUCCESS"]
    for number, name in enumerate(names):
        assert await rack.log(name) == [f"value: for machine {number}"]
        agents = {
            e["agent"]
            for e in (await rack.client.request("GET", f"/workflows/{name}/events"))["items"]
            if e["agent"]
        }
        assert agents == {rack.mac(number)}


async def test_a_wrong_digest_fails_the_workflow_in_words(rack: Rack, built: Built) -> None:
    """The workflow's message has the action's name, its exit code and its last lines; the disk can't boot."""
    name = await rack.start("digest", 0, [_write_os(rack, built, digest="0" * 64)])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    for told in ("write-os", "exit code 1", "sha256", built.os.sha256):
        assert told in status["message"]
    assert _is_blank(rack.machines[0].hardware.disk)


async def test_a_truncated_image_fails_and_leaves_nothing_to_boot(rack: Rack, built: Built) -> None:
    """A file that ends early is no success, though every byte that came was written."""
    whole = (rack.served / "os.raw.zst").read_bytes()
    (rack.served / "short.raw.zst").write_bytes(whole[: len(whole) * 6 // 10])
    name = await rack.start("short", 0, [_write_os(rack, built, name="short.raw.zst")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert "exit code 1" in status["message"]
    assert _is_blank(rack.machines[0].hardware.disk)


async def test_a_missing_image_fails_with_its_url(rack: Rack, built: Built) -> None:
    """404: the message names the URL and the status."""
    name = await rack.start("gone", 0, [_write_os(rack, built, name="gone.raw.zst")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "FAILED"
    assert "404" in status["message"]
    assert "gone.raw.zst" in status["message"]


async def test_a_killed_worker_comes_back_and_loses_nothing(rack: Rack) -> None:
    """The worker's container is killed while an action runs: the action ends once, and is reported."""
    name = await rack.start("kill", 1, [_sabotage("shoot", VALUE="x", KILL="tink-worker")])
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]
    log = await rack.log(name)
    assert log.count("value: x") == 1
    assert "killed: 204" in log
    assert log.count("done") == 1


async def test_a_killed_server_comes_back_and_nothing_runs_twice(rack: Rack, built: Built) -> None:
    """SIGKILL while image2disk runs: the write goes on where it was, and the disk holds the whole image."""
    actions = [_write_os(rack, built), _sabotage("after", VALUE="after")]
    name = await rack.start("crash", 0, actions)
    await rack.until(name, lambda w: bool((w["status"]["currentAction"] or {}).get("progress")))
    rack.stage.kill_server()
    await rack.stage.start_server()
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]
    assert await rack.starts(name) == {"write-os": 1, "after": 1}
    assert (await rack.log(name)).count("value: after") == 1
    assert _holds(rack.machines[0].hardware.disk, built)


async def test_a_power_cut_is_followed_by_a_whole_install(rack: Rack, built: Built) -> None:
    """The plug is pulled in the middle: the disk can't boot, and the next netboot completes the workflow."""
    machine = rack.machines[1]
    name = await rack.start("cut", 1, [_write_os(rack, built)])
    await rack.until(name, lambda w: bool((w["status"]["currentAction"] or {}).get("progress")))
    await machine.cut()
    assert _is_blank(machine.hardware.disk)
    await boot(rack, 1)
    status = (await rack.ended(name))["status"]
    assert status["state"] == "SUCCESS", status["message"]
    assert _holds(machine.hardware.disk, built)


async def test_a_kexec_that_cannot_be_done_ends_in_a_reset(rack: Rack) -> None:
    """A jump is asked for, and no kernel is loaded: the action counts, the reason is said."""
    machine = rack.machines[0]
    name = await rack.start("jump", 0, [_sabotage("jump", VALUE="x", TOUCH="/worker/kexec")])
    began = time.time()
    await machine.console.wait_for("no kernel is loaded: the machine is reset instead", 120)
    assert (await machine.wait_event("RESET", 60, since=began)).by_guest
    assert (await rack.ended(name))["status"]["state"] == "SUCCESS"


def _holds(disk: Path, built: Built) -> bool:
    """Whether the disk begins with the image, byte by byte."""
    unpack = subprocess.Popen(["zstd", "-dc", built.os.path], stdout=subprocess.PIPE)
    compare = subprocess.run(
        ["cmp", "-n", str(built.os.raw_size_bytes), "-", disk],
        stdin=unpack.stdout,
        capture_output=True,
        check=False,
    )
    assert unpack.stdout is not None
    unpack.stdout.close()
    unpack.wait()
    return compare.returncode == 0
