"""Machines of the lab, with nothing on their disks: switches, console, network boot, and no leftovers."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipxe_at_hand
import pytest

from osie.core.errors import chain
from osie.lab import accelerator, owner, qemu
from osie.lab.machine import MachineError, VirtualMachine, create_disk
from osie.lab.network import Network
from osie.lab.qemu import Firmware, Nic

MAC = "52:54:00:05:1e:bb"
Make = Callable[..., VirtualMachine]

HOLDER = """
import asyncio, sys
from pathlib import Path
from osie.lab import accelerator, qemu
from osie.core.interruption import terminable
from osie.lab.machine import VirtualMachine
from osie.lab.network import Network

async def main(folder):
    hardware = qemu.Hardware("m", "52:54:00:05:1e:bc", folder / "disk.raw", memory_mib=128)
    with terminable(), Network() as network:
        machine = VirtualMachine(network, hardware, log=folder / "log", accelerated_by=accelerator.TCG)
        async with machine:
            await machine.power_on()
            await machine.console.wait_for("SeaBIOS", 30)
            print(network.name, machine.pid, flush=True)
            await machine.watch()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
def make(network: Network, tmp_path: Path) -> Make:
    """Makes machines with an empty disk."""

    def machine(firmware: Firmware = "bios", nic: Nic = "ipxe-rom", **more: Any) -> VirtualMachine:
        disk = tmp_path / "disk.raw"
        create_disk(disk, 64 << 20)
        kernel = ipxe_at_hand.folder() / "ipxe.lkrn"
        hardware = qemu.Hardware(
            "m", MAC, disk, memory_mib=256, firmware=firmware, nic=nic, ipxe_kernel=kernel, **more
        )
        best = accelerator.best()
        return VirtualMachine(network, hardware, log=tmp_path / "console", accelerated_by=best)

    return machine


async def test_switches(make: Make) -> None:
    """On, reset, cut, on again: the console and the events tell each, with times; the disk takes no room."""
    async with make() as machine:
        await machine.power_on()
        assert machine.is_on
        first = await machine.console.wait_for("SeaBIOS", 30, since=machine.powered_on_at)
        with pytest.raises(MachineError, match="on already"):
            await machine.power_on()
        pressed = time.time()
        await machine.reset()
        assert not (await machine.wait_event("RESET", 10, since=pressed - 1)).by_guest
        second = await machine.console.wait_for("SeaBIOS", 30, since=pressed)
        await machine.cut()
        assert not machine.is_on
        await machine.power_on()
        third = await machine.console.wait_for("SeaBIOS", 30, since=machine.powered_on_at)
        assert first.at < second.at < third.at
        assert machine.hardware.disk.stat().st_blocks * 512 < 1 << 20


async def test_death_is_told(make: Make) -> None:
    """When QEMU dies by itself, whoever waits learns it, and the machine can be powered on again."""
    async with make() as machine:
        await machine.power_on()
        waiting = asyncio.create_task(machine.console.wait_for("never", 60))
        os.kill(machine.pid, signal.SIGKILL)
        with pytest.raises(MachineError, match="by itself"):
            await waiting
        await machine.power_on()
        assert machine.is_on


async def test_wrong_disk_is_one_clear_error(make: Make) -> None:
    """A machine that can't be powered on says why, in QEMU's words."""
    machine = make()
    machine.hardware.disk.unlink()
    async with machine:
        with pytest.raises(MachineError) as raised:
            await machine.power_on()
        assert "No such file" in " ".join(chain(raised.value))
        assert not machine.is_on


def answer_dhcp(network: Network, folder: Path) -> None:
    """Serve DHCP and TFTP in the network: our script to iPXE, an iPXE to all others."""
    files = folder / "tftp"
    files.mkdir()
    (files / "script.ipxe").write_text("#!ipxe\necho the-script-of-the-test\nsleep 600\n")
    for name in ("undionly.kpxe", "ipxe.efi"):
        (files / name).write_bytes((ipxe_at_hand.folder() / name).read_bytes())
    prefix = network.address.rpartition(".")[0]
    options = f"""port=0
bind-interfaces
interface=br0
leasefile-ro
no-ping
log-dhcp
log-facility=-
user=root
enable-tftp
tftp-root={files}
dhcp-range={prefix}.10,{prefix}.20
dhcp-userclass=set:ipxe,iPXE
dhcp-match=set:uefi,option:client-arch,7
dhcp-option-force=encap:175,176,1b
dhcp-boot=tag:ipxe,script.ipxe
dhcp-boot=tag:!ipxe,tag:uefi,ipxe.efi
dhcp-boot=tag:!ipxe,tag:!uefi,undionly.kpxe
"""
    (folder / "dnsmasq.conf").write_text(options)
    with (folder / "dnsmasq.log").open("wb") as log:
        network.popen(["dnsmasq", "-k", f"--conf-file={folder / 'dnsmasq.conf'}"], stdout=log)


@pytest.mark.parametrize(
    ("firmware", "nic", "chainloaded"),
    [
        ("bios", "ipxe-rom", []),
        ("bios", "pxe", ["undionly.kpxe"]),
        ("uefi", "pxe", ["ipxe.efi"]),
    ],
)
async def test_network_boot(
    make: Make,
    network: Network,
    tmp_path: Path,
    firmware: Firmware,
    nic: Nic,
    chainloaded: list[str],
) -> None:
    """The network comes first: iPXE in the ROM asks as iPXE, a plain card as PXE, and chainloads ours."""
    answer_dhcp(network, tmp_path)
    async with make(firmware, nic) as machine:
        await machine.power_on()
        await machine.console.wait_for("the-script-of-the-test", 60)
    said = (tmp_path / "dnsmasq.log").read_text()
    sent = [name for name in ("undionly.kpxe", "ipxe.efi") if f"sent {tmp_path}/tftp/{name}" in said]
    assert sent == chainloaded


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_machine_ends_with_us(tmp_path: Path, number: signal.Signals) -> None:
    """However the lab's process ends, QEMU ends too; unless it was killed, the namespace is gone as well."""
    create_disk(tmp_path / "disk.raw", 1 << 20)
    argv = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        name, pid = process.stdout.readline().split()
        ended = os.pidfd_open(int(pid))
        process.send_signal(number)
        process.wait(20)
    try:
        assert select.select([ended], [], [], 10)[0], "QEMU outlived the lab"
    finally:
        os.close(ended)
    assert owner.started_ticks(int(pid)) is None
    with Network():  # sweeps
        assert not Path("/run/netns", name).exists()
        assert not Path("/run/osie/lab", name).exists()
