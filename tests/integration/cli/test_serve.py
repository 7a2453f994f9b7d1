"""`osie serve` and the operator's commands against it: the real processes, in the lab's network."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
import pytest_asyncio
import yaml

from osie.cli.demo import scenario
from osie.cli.demo.stage import Stage
from osie.lab.network import Network

BAD = {
    "syntax.yaml": "kind: [Hardware\n",
    "kind.yaml": "apiVersion: tinkerbell.org/v1alpha1\nkind: Hardwear\nmetadata: {name: x}\nspec: {}\n",
    "nameless.yaml": "apiVersion: tinkerbell.org/v1alpha1\nkind: Hardware\nmetadata: {}\nspec: {}\n",
    "twice.yaml": yaml.safe_dump({
        "apiVersion": "tinkerbell.org/v1alpha1", "kind": "Template", "metadata": {"name": "twice"},
        "spec": {"data": yaml.safe_dump({"version": "0.1", "name": "twice", "tasks": [
            {"name": "t", "worker": "w", "colour": "red", "actions": [
                {"name": "a", "image": "i", "timeout": 1}, {"name": "a", "image": "i", "timeout": 1}]}]})},
    }),
    "homeless.yaml": yaml.safe_dump({
        "apiVersion": "tinkerbell.org/v1alpha1", "kind": "Workflow", "metadata": {"name": "homeless"},
        "spec": {"templateRef": "debian", "hardwareRef": "nowhere"},
    }),
}  # fmt: skip


def _put_a_loader_into(artifacts: Path) -> None:
    """What the server doesn't start without; no machine here loads it."""
    (artifacts / "ipxe").mkdir()
    (artifacts / "ipxe/undionly.kpxe").touch()


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A server that has nothing to hand out."""
    artifacts, layout, images = folders = [tmp_path / name for name in ("artifacts", "layout", "images")]
    for folder in folders:
        folder.mkdir()
    _put_a_loader_into(artifacts)
    async with Stage(tmp_path / "stage", artifacts=artifacts, layout=layout, images=images) as stage:
        yield stage


async def _osie(
    stage: Stage, *arguments: str | Path, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "osie.cli"), *map(str, arguments),
        env={**os.environ, "OSIE_SERVER": stage.operator_url, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


def _run(token: str = "t") -> scenario.Run:
    return scenario.Run(token, "http://192.168.137.1/x", "sha256:" + "0" * 64, 3, "http://192.168.137.1/p")


async def test_all_faults_of_all_files_are_told_and_nothing_is_applied(stage: Stage, tmp_path: Path) -> None:
    """Five bad files and a good one: each fault with its file, and the good one isn't applied either."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in {**BAD, "good.yaml": dict(scenario.files(_run()))["hardware.yaml"]}.items():
        (folder / name).write_text(text)
    status, told = await _osie(stage, "apply", "-f", folder)
    assert status == 1
    for name in BAD:
        assert name in told, told
    for word in ("hardwareRef", "Hardwear", "metadata"):
        assert word in told, told
    assert (await stage.client.request("GET", "/hardware"))["items"] == []


async def test_its_state_is_for_one_server_and_one_user(stage: Stage) -> None:
    """A second server on the same state is refused in a sentence; other users can't read the database."""
    status, told = await _osie(stage, "serve", "--config", stage.workdir / "serve.toml")
    assert status == 1
    assert f"another `osie serve` runs on {stage.workdir / 'state'}" in told
    assert (stage.workdir / "state").stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat().st_mode & 0o777 for path in (stage.workdir / "state").glob("tink.db*")}
    assert files == dict.fromkeys(files, 0o600) and "tink.db" in files


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example", "Content-Type": "application/json"}, 403),
        ({"Host": "evil.example:7080", "Content-Type": "application/json"}, 421),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json"}, 404),  # there is no such workflow
    ],
)
async def test_a_page_in_the_operators_browser_changes_nothing(
    stage: Stage, headers: dict[str, str], status: int
) -> None:
    """What a browser sends for a page from elsewhere is refused before it reaches a workflow."""
    async with httpx.AsyncClient() as client:
        url = f"{stage.operator_url}/api/v1/workflows/w/run-again"
        assert (await client.post(url, headers=headers)).status_code == status


async def test_apply_get_delete(stage: Stage, tmp_path: Path) -> None:
    """The demo's files are created, shown in each form, unchanged the second time, and deleted."""
    paths: list[str | Path] = []
    for name, text in scenario.files(_run()):
        (tmp_path / name).write_text(text)
        paths += ["-f", tmp_path / name]
    status, told = await _osie(stage, "apply", *paths)
    assert (status, told.count("created")) == (0, 3), told
    assert (await _osie(stage, "apply", *paths))[1].count("unchanged") == 3
    listed = (await _osie(stage, "get", "workflows"))[1]
    assert listed.split("\n")[1].split()[:4] == ["install-machine-1", "machine-1", "debian", "PENDING"]
    shown = yaml.safe_load((await _osie(stage, "get", "hardware", "machine-1", "-o", "yaml"))[1])
    assert shown["spec"]["interfaces"][0]["netboot"]["allowPXE"] is True  # the workflow turned it on
    status, told = await _osie(stage, "delete", "hardware", "machine-1")
    assert status == 1, told  # a workflow names it
    assert "install-machine-1" in told
    assert (await _osie(stage, "delete", "workflow", "install-machine-1"))[0] == 0


async def test_a_spreadsheet_becomes_machines_whose_names_complete(stage: Stage, tmp_path: Path) -> None:
    """Imported, and offered by name where a shell asks; a file with a fault in it changes nothing."""
    file = tmp_path / "machines.csv"
    file.write_text("hostname,mac\nnode-1,52:54:00:12:34:01\nnode-2,52:54:00:12:34:02\n")
    status, told = await _osie(stage, "hardware", "import", file)
    assert (status, told) == (0, "hardware/node-1 created\nhardware/node-2 created\n")
    asked = {"_OSIE_COMPLETE": "bash_complete", "COMP_WORDS": "osie delete hardware n", "COMP_CWORD": "3"}
    _, offered = await _osie(stage, environment=asked)
    assert offered.split() == ["plain,node-1", "plain,node-2"]
    file.write_text("hostname,mac\nnode-3,52:54:00:12:34:03\nNode_4,52:54:00:12:34:04\n")
    status, told = await _osie(stage, "hardware", "import", file)
    assert status == 1
    assert "Node_4" in told
    assert len((await stage.client.request("GET", "/hardware"))["items"]) == 2


async def test_an_address_that_dhcp_can_not_hand_out_is_told(stage: Stage, tmp_path: Path) -> None:
    """By whatever command it comes: one outside the server's network is noted, its own is refused."""
    file = tmp_path / "machines.csv"
    file.write_text("hostname,mac,ip_address\nnode-1,52:54:00:12:34:01,192.168.138.5\n")
    status, told = await _osie(stage, "hardware", "import", file)
    assert status == 0
    assert "192.168.138.5 is not handed out to 52:54:00:12:34:01: it is outside 192.168.137.0/24" in told
    shown = tmp_path / "node.yaml"
    shown.write_text((await _osie(stage, "hardware", "import", "--dry-run", file))[1])
    for command in ("apply", "diff"):
        status, told = await _osie(stage, command, "-f", shown)
        assert (status, "it is outside 192.168.137.0/24" in told) == (0, True), told
    assert "outside" not in (await _osie(stage, "validate", "-f", shown))[1]  # it asks no server
    shown.write_text(shown.read_text().replace("192.168.138.5", "192.168.137.1"))
    for command, refused in (("apply", 1), ("diff", 2)):
        status, told = await _osie(stage, command, "-f", shown)
        assert (status, "192.168.137.1 is this server's own in 192.168.137.0/24" in told) == (refused, True)
    file.write_text("hostname,mac,ip_address\nnode-2,52:54:00:12:34:02,192.168.137.255\n")
    status, told = await _osie(stage, "hardware", "import", file)
    assert (status, "is the broadcast address of 192.168.137.0/24" in told) == (1, True), told


async def test_a_machine_nobody_knows_is_listed_and_never_installed(stage: Stage) -> None:
    """It asks for a script: it gets words, and the operator sees it."""
    url = f"{stage.boots_url}/auto.ipxe?mac=52:54:00:99:99:99"
    script = stage.network.run(["curl", "-sf", url])
    assert "52:54:00:99:99:99" in script
    assert "kernel " not in script
    status, table = await _osie(stage, "get", "machines")
    assert status == 0
    assert "52:54:00:99:99:99" in table
    assert "discovered" in table


async def test_a_workflow_s_netboot_ends_with_it(stage: Stage) -> None:
    """A reboot whose report was lost is done when the machine asks again: it is sent to its disk."""
    files = dict(scenario.files(_run()))
    data = {
        "version": "0.1", "name": "debian", "tasks": [{"name": "t", "worker": "{{ .device_1 }}", "actions": [
            {"name": "restart", "image": "i", "timeout": 9, "reboot": True}]}],
    }  # fmt: skip
    template = yaml.safe_load(files["template.yaml"])
    template["spec"]["data"] = yaml.safe_dump(data)
    files["template.yaml"] = yaml.safe_dump(template)
    await stage.client.apply(list(files.items()))
    auto = f"{stage.boots_url}/auto.ipxe?mac={scenario.MAC}"
    assert "initrd" in stage.network.run(["curl", "-sf", auto])
    stage.network.run([sys.executable, "-c", RUN_ACTION, f"{stage.address}:42113", scenario.MAC])
    assert "initrd" not in stage.network.run(["curl", "-sf", auto])
    status = (await stage.client.request("GET", f"/workflows/{scenario.WORKFLOW}"))["status"]
    assert status["state"] == "SUCCESS"


RUN_ACTION = """
import sys
import grpc
from osie.contracts import tink_pb2 as pb
with grpc.insecure_channel(sys.argv[1]) as channel:
    def call(name, request, reply):
        method = channel.unary_unary(f"/proto.WorkflowService/{name}",
            request_serializer=lambda m: m.SerializeToString(), response_deserializer=reply.FromString)
        return method(request, timeout=10)
    action = call("GetAction", pb.ActionRequest(agent_id=sys.argv[2]), pb.ActionResponse)
    report = pb.ActionStatusRequest(workflow_id=action.workflow_id, agent_id=action.agent_id,
        task_id=action.task_id, action_id=action.action_id, action_name=action.name)
    report.action_state = pb.ACTION_STATE_RUNNING
    call("ReportActionStatus", report, pb.ActionStatusResponse)
"""


async def test_a_machine_that_gets_nowhere_is_held(stage: Stage) -> None:
    """Five times it boots the installer and no action is done; then it is told why, and loads nothing."""
    await stage.client.apply(scenario.files(_run()))
    auto = f"{stage.boots_url}/auto.ipxe?mac={scenario.MAC}"
    for _ in range(5):
        assert "initrd" in stage.network.run(["curl", "-sf", auto])
    for asks_again in ("", "&asked=1"):
        held = stage.network.run(["curl", "-sf", auto + asks_again])
        assert f"echo . workflow default/{scenario.WORKFLOW}: the machine netbooted 5 times" in held
        assert "initrd" not in held
    status = (await stage.client.request("GET", f"/workflows/{scenario.WORKFLOW}"))["status"]
    assert status["state"] == "FAILED"
    assert "netbooted 5 times" in status["message"]


async def test_a_killed_server_loses_nothing(stage: Stage) -> None:
    """SIGKILL right after an apply was acknowledged; started again, everything is there, dnsmasq too."""
    await stage.client.apply(scenario.files(_run("before-the-kill")))
    stage.kill_server()
    await stage.start_server()
    workflow = await stage.client.request("GET", f"/workflows/{scenario.WORKFLOW}")
    assert workflow["spec"]["hardwareMap"]["token"] == "before-the-kill"


def _serve(network: Network, config: Path) -> subprocess.CompletedProcess[str]:
    argv = network.command([sys.executable, "-m", "osie.cli", "serve", "--config", config])
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def _config(tmp_path: Path, network: Network, **changes: str) -> Path:
    values = {"address": network.address, "interface": "br0", "operator": "127.0.0.1:0", **changes}
    text = (
        f'state_dir = "{tmp_path}/state"\n'
        f'[network]\ninterface = "{values["interface"]}"\naddress = "{values["address"]}"\n'
        f'[boots]\nartifacts = "{tmp_path}"\n[registry]\nlayout = "{tmp_path}"\n'
        f'[operator]\nlisten = "{values["operator"]}"\n'
    )
    _put_a_loader_into(tmp_path)
    (tmp_path / "serve.toml").write_text(text)
    return tmp_path / "serve.toml"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"address": "203.0.113.7"}, "203.0.113.7"),
        ({"interface": "nosuch0"}, "nosuch0"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    """An address or an interface that isn't ours: a sentence, status 1, nothing left running."""
    with Network() as network:
        done = _serve(network, _config(tmp_path, network, **changes))
        left = network.run(["ip", "netns", "pids", network.name]).split()
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "add_port.cc" not in done.stderr  # gRPC's own words, in its own format
    assert len(left) <= 1  # the command that asks


@pytest.mark.parametrize(
    ("port", "kind"), [(7171, "tcp"), (5000, "tcp"), (42113, "tcp"), (67, "udp"), (514, "udp")]
)
def test_a_taken_port_is_one_line(tmp_path: Path, port: int, kind: str) -> None:
    """Each of our ports, held by somebody else: a sentence with the port, status 1."""
    hold = (
        "import socket,sys,time\n"
        f"s=socket.socket(socket.AF_INET, socket.SOCK_{'STREAM' if kind == 'tcp' else 'DGRAM'})\n"
        f"s.bind(('0.0.0.0',{port}))\n"
        + ("s.listen()\n" if kind == "tcp" else "")
        + "print('held',flush=True)\ntime.sleep(60)"
    )
    with Network() as network:
        holder = network.popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        done = _serve(network, _config(tmp_path, network))
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert done.returncode == 1, done.stderr
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_no_dnsmasq_is_one_line(tmp_path: Path) -> None:
    """A host without dnsmasq: its package is named, before anything is started."""
    with Network() as network:
        argv = [sys.executable, "-m", "osie.cli", "serve", "--config", str(_config(tmp_path, network))]
        mask = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            'mount --bind /dev/null /usr/sbin/dnsmasq && exec "$@"',
            "sh",
        ]
        done = subprocess.run(
            [*mask, *network.command(argv)], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert "dnsmasq" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_taken_operator_port_is_one_line(tmp_path: Path, address: str) -> None:
    """The operator's address is somebody else's already, in whichever family."""
    listen = f"[{address}]:7080" if ":" in address else f"{address}:7080"
    with Network() as network:
        holder = network.listen(7080, address)
        done = _serve(network, _config(tmp_path, network, operator=listen))
        holder.close()
    assert done.returncode == 1
    assert listen in done.stderr
    assert "taken" in done.stderr
