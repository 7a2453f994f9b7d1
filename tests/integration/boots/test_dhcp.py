"""Real DHCP and TFTP clients against the real dnsmasq, over a cable between two namespaces."""

import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osie.boots.config import BootsConfig
from osie.boots.service import Boots
from osie.contracts.machine import Machine

KNOWN_MAC = "52:54:00:00:00:10"
STRANGER_MAC = "52:54:00:00:00:99"


async def lease(wire: Any, folder: Path, tries: int = 4) -> dict[str, str]:
    """Ask for an address as a machine does; return what udhcpc was told, and take the address."""
    script = folder / "udhcpc.sh"
    script.write_text(
        '#!/bin/sh\n[ "$1" = bound ] || exit 0\nenv\nip address replace "$ip/24" dev "$interface"\n'
    )
    script.chmod(0o755)
    told = await wire.client_runs(
        *("busybox", "udhcpc", "-i", wire.client_interface, "-f", "-q", "-n", "-t", str(tries), "-T", "2"),
        *("-O", "ntpsrv", "-s", script),
        check=False,
    )
    return dict(re.findall(r"^(\w+)=(.*)$", told, re.MULTILINE))


async def become(wire: Any, mac: str) -> None:
    """Give the far end another MAC."""
    await wire.client_runs("ip", "link", "set", wire.client_interface, "address", mac)


async def test_a_known_machine_gets_its_address_and_options(
    wire: Any, config: BootsConfig, machines: Any, tmp_path: Path
) -> None:
    """The reservation's address, router, DNS, NTP, name and lease; and the journal says so."""
    async with Boots(config, machines):
        told = await lease(wire, tmp_path)
        wanted = {
            "ip": "10.77.0.10",
            "router": "10.77.0.1",
            "dns": "10.77.0.53",
            "ntpsrv": "10.77.0.123",
            "hostname": "node-1",
            "lease": "600",
        }
        assert wanted.items() <= told.items()
        assert await machines.seen("dhcp_ack") == (KNOWN_MAC, {"address": "10.77.0.10"})
        assert not machines.named("discovered")
        size = await wire.client_runs("curl", "-s", "-o", "/dev/null", "-w", "%{size_download}",
                                      f"tftp://{config.address}/undionly.kpxe")  # fmt: skip
        assert int(size) == (config.ipxe_source / "undionly.kpxe").stat().st_size


async def test_a_stranger_gets_an_address_and_is_discovered(
    wire: Any, config: BootsConfig, machines: Any, tmp_path: Path
) -> None:
    """From the dynamic range; nobody is named to it as router."""
    await become(wire, STRANGER_MAC)
    async with Boots(config, machines):
        told = await lease(wire, tmp_path)
        assert 100 <= int(told["ip"].rpartition(".")[2]) <= 120
        assert "router" not in told
        mac, fields = await machines.seen("discovered")
        assert (mac, fields["by"]) == (STRANGER_MAC, "dhcp")


async def test_without_a_dynamic_range_a_stranger_is_still_discovered(
    wire: Any, config: BootsConfig, machines: Any, tmp_path: Path
) -> None:
    """It gets no address, and the operator sees it all the same; refresh() makes it known."""
    await become(wire, STRANGER_MAC)
    async with Boots(replace(config, dynamic_range=None), machines) as boots:
        assert "ip" not in await lease(wire, tmp_path, tries=1)
        assert await machines.seen("discovered") == (STRANGER_MAC, {"by": "dhcp", "address": ""})
        machines.known[STRANGER_MAC] = Machine(STRANGER_MAC, address="10.77.0.11")
        await boots.refresh()
        assert (await lease(wire, tmp_path))["ip"] == "10.77.0.11"
        machines.known[STRANGER_MAC] = Machine(STRANGER_MAC, address="10.77.0.12", gateway="10.77.0.254")
        await boots.refresh()
        told = await lease(wire, tmp_path)
        assert (told["ip"], told["router"]) == ("10.77.0.12", "10.77.0.254")


@pytest.mark.provokes_an_end
async def test_dnsmasq_comes_back_when_it_dies(
    wire: Any, config: BootsConfig, machines: Any, tmp_path: Path
) -> None:
    """Killed, it is started again, and machines get their addresses from the new one."""
    async with Boots(config, machines) as boots:
        first = boots.dnsmasq_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert (await lease(wire, tmp_path))["ip"] == "10.77.0.10"  # udhcpc asks for 8 s
        assert boots.dnsmasq_pid not in {first, None}


async def test_the_names_of_loaders_depend_on_who_asks(
    wire: Any, config: BootsConfig, machines: Any, tmp_path: Path
) -> None:
    """Architecture and user class, as firmware and iPXE send them, decide the boot file."""
    offered = {}
    async with Boots(config, machines):
        for name, options in {
            "bios": ["-x", "0x5d:0000"],
            "efi": ["-x", "0x5d:0007"],
            "http": ["-x", "0x5d:0010", "-V", "HTTPClient:Arch:00016"],
            "ipxe": ["-x", "0x5d:0000", "-x", "0x4d:69505845"],
        }.items():
            script = tmp_path / "boot.sh"
            script.write_text('#!/bin/sh\n[ "$1" = bound ] && echo "file=$boot_file$bootfile"; exit 0\n')
            script.chmod(0o755)
            told = await wire.client_runs(
                *("busybox", "udhcpc", "-i", wire.client_interface, "-f", "-q", "-n", "-t", "4", "-T", "2"),
                *("-O", "bootfile", *options, "-s", script),
            )
            offered[name] = re.findall(r"^file=(.*)$", told, re.MULTILINE)
    assert offered == {
        "bios": ["undionly.kpxe"],
        "efi": ["snponly.efi"],
        "http": [f"{config.base_url}/ipxe/snponly.efi"],
        "ipxe": [f"{config.base_url}/auto.ipxe"],
    }
