"""Upstream's Smee and our boots, each with the other's ramdisk."""

import os
import re
import socket
from dataclasses import asdict
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from osie.boots import ipxe_script
from osie.contracts import kernel_parameters
from osie.contracts.machine import Machine
from osie.tink.domain import netboot

from . import smee, workflows
from .programs import Program, poll

TINK = "127.0.0.1:42113"  # of the address that is told, Smee keeps the port: the host is --public-ipv4
GLOBAL = ("console=ttyS1,115200", "insecure_registries=192.0.2.1:5000")
# What Smee passes and ours does not, nor does Hook read it. `facility` and `modules` were OSIE's, the rest
# are the kernel's, and `kernel_parameters` of the server's config has those that a site wants.
SMEE_ALONE = {"facility", "modules", "intel_iommu", "iommu"}
HOOK = "http://files.example/hook"
OSIES: list[dict[str, Any]] = [
    {},
    {"baseURL": HOOK},
    {"baseURL": f"{HOOK}/", "kernel": "vmlinuz-latest-lts-x86_64", "initrd": "initramfs-latest-lts-x86_64"},
    {
        "kernelParams": [
            "tink_worker_image=quay.io/tinkerbell/tink-agent:v0.25.0",
            "HTTPS_PROXY=http://10.0.0.9:1",
        ]
    },
    {"kernelParams": ["worker_id=other", "grpc_authority=10.0.0.8:42113"]},
    {"kernelParams": ["ipam=52-54-00-00-00-01::10.0.0.2:255.255.255.0:10.0.0.1"]},
    {"kernelParams": ["tinkerbell_tls=true", "tinkerbell_insecure_tls=true", "modules=loop"]},
]
MORE: list[dict[str, Any]] = [{"vlan_id": "42"}, {"agentID": "machine-seven"}, {"arch": "x86_64"}]
VARIANTS = [*({"osie": each} for each in OSIES), *MORE]


def mac(number: int) -> str:
    """The address of the machine with that variant."""
    return f"52:54:00:00:00:{number:02x}"


def hardware(number: int) -> dict[str, Any]:
    """A machine as upstream's users write one for Hook."""
    variant = VARIANTS[number]
    machine = workflows.hardware(f"m{number}", mac(number), f"10.0.0.{number + 2}")
    interface = machine["spec"]["interfaces"][0]
    interface["netboot"]["osie"] = variant.get("osie", {})
    interface["dhcp"].update({key: variant[key] for key in ("vlan_id", "arch") if key in variant})
    machine["spec"]["agentID"] = variant.get("agentID", mac(number))
    return machine


def loaded(script: str) -> tuple[str, str, dict[str, str]]:
    """What a script loads: the kernel's URL, the ramdisk's, and the parameters of which the last counts."""
    settings = dict(re.findall(r"^set ([a-z-]+) (\S+)$", script, re.MULTILINE))
    joined = script.replace("\\\n", "")
    for _ in range(2):  # a setting may name another
        for name, value in settings.items():
            joined = joined.replace(f"${{{name}}}", value)
    kernel = re.search(r"^kernel (\S+) (.*?) (?:&&|\|\|) ", joined, re.MULTILINE)
    initrd = re.search(r"^initrd (?:--name \S+ )?(\S+) (?:&&|\|\|) ", joined, re.MULTILINE)
    assert kernel
    assert initrd
    urls = [match[1].partition("?")[0] for match in (kernel, initrd)]
    return urls[0], urls[1], dict(kernel_parameters.split(kernel[2]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What Smee has iPXE do on each machine."""
    folder = tmp_path_factory.mktemp("smee")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [
        *(
            "--dhcp-enabled=false",
            "--tftp-server-enabled=false",
            "--syslog-enabled=false",
            f"--ipxe-script-tink-server-addr-port={TINK}",
        ),
        "--ipxe-http-script-osie-url=http://192.0.2.1:7171/artifacts",
        f"--ipxe-http-script-extra-kernel-args={' '.join(GLOBAL)}",
    ]
    machines = [hardware(number) for number in range(len(VARIANTS))]
    argv = smee.command(os.environ["OSIE_TINKERBELL"], folder, machines, "127.0.0.1", port, *options)
    async with (
        Program(argv, {}, folder / "smee.log") as program,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):

        async def ask(number: int) -> str:
            try:
                answer = await client.get(f"/ipxe/script/{mac(number)}/auto.ipxe")
            except httpx.HTTPError:
                return ""
            return answer.text if answer.status_code == 200 else ""

        return {number: await poll(partial(ask, number), bool, program) for number in range(len(VARIANTS))}


def boots_script(number: int) -> str:
    """What boots has iPXE do on the machine."""
    (interface,) = netboot.interfaces(hardware(number)["spec"])
    around = ipxe_script.ServiceContext("http://192.0.2.1:7171", GLOBAL, TINK, "192.0.2.1", 514, "")
    return ipxe_script.for_machine(Machine(**asdict(interface)), around).text


@pytest.mark.parametrize("number", range(len(VARIANTS)), ids=[str(each) for each in VARIANTS])
def test_both_load_the_same(scripts: dict[int, str], number: int) -> None:
    """Of the same Hardware Smee and boots load the same files, with the same parameters for them."""
    kernel, initrd, parameters = loaded(scripts[number])
    our_kernel, our_initrd, our_parameters = loaded(boots_script(number))
    assert (our_kernel, our_initrd) == (kernel.replace("hook//", "hook/"), initrd.replace("hook//", "hook/"))
    for each in (parameters, our_parameters):
        each.pop("syslog_host")  # each is its own receiver
    assert our_parameters.keys() - parameters.keys() == set()
    assert {name for name in parameters if name not in our_parameters} <= SMEE_ALONE
    shared = {name: value for name, value in parameters.items() if name in our_parameters}
    assert shared == our_parameters
