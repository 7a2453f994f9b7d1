"""What iPXE and the kernel would get otherwise than it was written is refused when it is applied."""

from typing import Any

import pytest
import yaml

from osie.boots import ipxe_script
from osie.boots.ipxe_script import ServiceContext
from osie.contracts.machine import Machine
from osie.tink.domain.netboot import interfaces
from osie.tink.files.manifest import RefusedError
from osie.tink.service import diffing

AROUND = ServiceContext(
    "http://10.0.0.1:7171", ("console=ttyS0",), "10.0.0.1:42113", "10.0.0.1", 514, "10.0.0.1:5000"
)


def document(netboot: dict[str, Any], agent: str = "") -> dict[str, Any]:
    """A Hardware with this `netboot`."""
    return {
        "apiVersion": "tinkerbell.org/v1alpha1",
        "kind": "Hardware",
        "metadata": {"name": "m"},
        "spec": {
            "agentID": agent,
            "interfaces": [{"dhcp": {"mac": "52:54:00:00:00:10"}, "netboot": {"allowPXE": True, **netboot}}],
        },
    }


async def faults(told: dict[str, Any]) -> list[str]:
    """Where `told` is refused."""
    try:
        await diffing.validate([("m.yaml", yaml.safe_dump(told))])
    except RefusedError as refused:
        return [fault.path.removeprefix("spec.interfaces[0].netboot.") for fault in refused.faults]
    return []


WRONG = [
    ({"osie": {"kernelParams": ["a=b", "a=${net0/mac}"]}}, "osie.kernelParams[1]"),
    ({"osie": {"kernelParams": ["a ; b"]}}, "osie.kernelParams[0]"),
    ({"osie": {"kernelParams": ["a\tb"]}}, "osie.kernelParams[0]"),
    ({"osie": {"kernelParams": ["a\nb"]}}, "osie.kernelParams[0]"),
    ({"osie": {"kernelParams": ['x="a b"c']}}, "osie.kernelParams[0]"),
    ({"osie": {"kernelParams": ['x="a b']}}, "osie.kernelParams[0]"),
    ({"osie": {"kernelParams": ["a" * 2100]}}, "osie.kernelParams[0]"),
    ({"ipxe": {"url": "http://x/a b"}}, "ipxe.url"),
    ({"ipxe": {"url": "boot.netboot.xyz"}}, "ipxe.url"),
    ({"osie": {"initrd": "my ramdisk"}}, "osie.initrd"),
    ({"osie": {"baseURL": "http://x/y?sig=1"}}, "osie.baseURL"),
    ({"osie": {"baseURL": "boot.example.org"}}, "osie.baseURL"),
    ({"osie": {"baseURL": "http://x/${mac}"}}, "osie.baseURL"),
]


@pytest.mark.parametrize(("netboot", "place"), WRONG)
async def test_what_would_not_arrive_is_refused_at_its_place(netboot: dict[str, Any], place: str) -> None:
    """The operator is told, and not the machine's console; and the script goes by the same rule."""
    told = document(netboot)
    assert place in await faults(told)
    (machine,) = interfaces(told["spec"])
    assert ipxe_script.for_machine(machine, AROUND).kind == "error"


@pytest.mark.parametrize(
    ("netboot", "kind"),
    [
        ({"osie": {"kernelParams": ['x="a b"', "y=1 z", '"w=a b"', "dyndbg=+p", ""]}}, "install"),
        ({"osie": {"baseURL": "https://x/y/", "kernel": "a b", "initrd": "dir/ram"}}, "install"),
        ({"ipxe": {"url": "http://x/${net0/mac}.ipxe?a=b#c"}}, "custom"),
        ({"ipxe": {"url": "${boot-url}"}}, "custom"),
        ({"ipxe": {"contents": "\ufeff\n\n#!ipxe\nshell"}}, "custom"),
        ({"osie": None, "ipxe": None}, "install"),
    ],
)
async def test_what_arrives_is_accepted_and_booted(netboot: dict[str, Any], kind: str) -> None:
    """Accepted when applied, and a script when the machine asks."""
    told = document(netboot, agent="rack 7")
    assert await faults(told) == []
    (machine,) = interfaces(told["spec"])
    assert ipxe_script.for_machine(machine, AROUND).kind == kind


@pytest.mark.parametrize("agent", ['a"b', "${uuid}", "a  b", "a || b"])
async def test_an_agents_id_is_a_kernel_parameter_too(agent: str) -> None:
    """It reaches the machine on the kernel's command line."""
    assert await faults(document({}, agent)) == ["spec.agentID"]


async def test_many_parameters_are_too_long_together() -> None:
    """Each is short; together they leave no place for what the server says."""
    assert await faults(document({"osie": {"kernelParams": ["a=123456"] * 200}})) == ["osie.kernelParams"]


def test_contents_begin_with_what_ipxe_looks_for() -> None:
    """A byte order mark or blank lines before it would make iPXE take the script for none."""
    for head in ("", "#!ipxe\n", "\ufeff#!ipxe\r\n", "\n \n#!ipxe\n", "\ufeff"):
        machine = Machine("52:54:00:00:00:10", allow_pxe=True, ipxe_contents=f"{head}shell")
        assert ipxe_script.for_machine(machine, AROUND).text == "#!ipxe\nshell\n"
