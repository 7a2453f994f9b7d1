"""Real firmware against the real service: what a machine's console shows, and what is written down."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ipxe_at_hand
import pytest

from osie.core.process import run
from osie.lab import accelerator, qemu
from osie.lab.machine import VirtualMachine
from osie.lab.network import Network
from osie.lab.qemu import Firmware, Nic

MAC = "52:54:00:05:1e:bb"
PLATFORM = {"bios": "pcbios", "uefi": "efi"}  # as iPXE calls them
# mov si, 0x7c15; print the text there to the serial port 0x3f8; hlt
PRINTS = bytes.fromhex("31c08ed8be157cbaf803ac84c07403eeebf8f4ebfd")

# The service with at most one machine, telling its journal as JSON, one event a line.
PROGRAM = """
import asyncio, json, logging, sys
from pathlib import Path
import structlog
from osie.boots.config import BootsConfig
from osie.contracts.machine import Machine
from osie.boots.service import Boots

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
interface, address, state, known, ipxe = sys.argv[1:]
strangers = ("10.78.0.100", "10.78.0.110")
machine = Machine(**json.loads(known)) if known else None

class Machines:
    async def find(self, mac): return machine if machine and machine.mac == mac else None
    async def every(self): return [machine] if machine else []
    async def netbooted(self, netboot, choose):
        answer = choose(await self.find(netboot.mac))
        await self.record(netboot.mac, "ipxe_script", {"kind": answer.kind, **netboot.facts})
        return answer
    async def phoned_home(self, mac, posted, *, itself): await self.record(mac, "phone_home", posted)
    async def log(self, mac, line): pass
    async def record(self, mac, event, fields): print(json.dumps([mac, event, dict(fields)]), flush=True)

async def main():
    state_dir = Path(state)
    config = BootsConfig(
        interface, address, state_dir, state_dir, dynamic_range=strangers, ipxe_folder=Path(ipxe)
    )
    async with Boots(config, Machines()):
        print(json.dumps(["", "started", {}]), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

Journal = Callable[[str], Awaitable[tuple[str, dict[str, Any]]]]


@pytest.fixture
def network() -> Iterator[Network]:
    """A network of the lab, with addresses that fit no other test's."""
    with Network("10.78.0.0/24") as network:
        yield network


@asynccontextmanager
async def serving(network: Network, folder: Path, known: dict[str, object] | None) -> AsyncIterator[Journal]:
    """The service in the network; what it gives waits for an event in the journal."""
    told = json.dumps(known) if known else ""
    arguments = ["br0", network.address, str(folder / "state"), told, str(ipxe_at_hand.folder())]
    child = network.popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert child.stdout is not None
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), child.stdout)

    async def seen(event: str) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(60):
            while line := await lines.readline():
                mac, name, fields = json.loads(line)
                if name == event:
                    return mac, fields
        raise AssertionError(f"the service ended before {event}")

    try:
        await seen("started")
        yield seen
    finally:
        transport.close()


def talking_disk(disk: Path, firmware: Firmware) -> None:
    """A disk that says on the console that it was booted."""
    if firmware == "bios":
        disk.write_bytes((PRINTS + b"THE DISK BOOTS\r\n\0").ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
        return
    words = disk.with_suffix(".cfg")
    words.write_text("echo THE DISK BOOTS\nsleep 60\n")
    program = disk.with_suffix(".efi")
    target = ["--format", "x86_64-efi", "--prefix", "/", "--config", str(words), "--output", str(program)]
    run(["grub-mkimage", *target, "normal", "echo", "sleep"])
    run(["mkfs.vfat", "-C", disk, str(4096)])
    run(["mmd", "-i", disk, "::/EFI", "::/EFI/BOOT"])
    run(["mcopy", "-i", disk, program, "::/EFI/BOOT/BOOTX64.EFI"])


def machine(network: Network, folder: Path, firmware: Firmware, nic: Nic) -> VirtualMachine:
    """A machine with a talking disk."""
    disk = folder / "disk.raw"
    talking_disk(disk, firmware)
    kernel = ipxe_at_hand.folder() / "ipxe.lkrn"
    hardware = qemu.Hardware("m", MAC, disk, memory_mib=256, firmware=firmware, nic=nic, ipxe_kernel=kernel)
    return VirtualMachine(network, hardware, log=folder / "console", accelerated_by=accelerator.best())


async def test_an_unknown_machine_says_so_on_its_console(network: Network, tmp_path: Path) -> None:
    """With its MAC and what to do; the service has it as discovered; it got there without a wait for IPv6."""
    async with (
        serving(network, tmp_path, None) as seen,
        machine(network, tmp_path, "bios", "ipxe-rom") as guest,
    ):
        await guest.power_on()
        line = await guest.console.wait_for("does not know this machine", 40)
        await guest.console.wait_for(f"MAC address: {MAC}", 5)
        asked = await guest.console.wait_for("iPXE initialising devices", 1)
        assert line.at - asked.at < 10  # 16 s more without our router advertisement
        assert (await seen("discovered"))[0] == MAC
        mac, fields = await seen("ipxe_script")
        assert (mac, fields["kind"]) == (MAC, "unknown")


@pytest.mark.parametrize("nic", ["ipxe-rom", "pxe"])
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
async def test_netboot_off_starts_the_disk(
    network: Network, tmp_path: Path, firmware: Firmware, nic: Nic
) -> None:
    """From the NIC's own iPXE, and from undionly.kpxe or snponly.efi that a plain PXE client was handed."""
    known = {"mac": MAC, "address": "10.78.0.10", "allow_pxe": False}
    async with serving(network, tmp_path, known) as seen, machine(network, tmp_path, firmware, nic) as guest:
        await guest.power_on()
        assert await seen("dhcp_ack") == (MAC, {"address": "10.78.0.10"})
        mac, fields = await seen("ipxe_script")
        assert (mac, fields["kind"], fields["platform"]) == (MAC, "disk", PLATFORM[firmware])
        await guest.console.wait_for("THE DISK BOOTS", 60)
        if (firmware, nic) == ("bios", "pxe"):
            await guest.console.wait_for("using undionly", 1)


async def test_uefi_loads_our_ipxe_by_tftp(network: Network, tmp_path: Path) -> None:
    """UEFI's own PXE client is handed snponly.efi, which asks for the script and is told to install."""
    known = {"mac": MAC, "address": "10.78.0.10", "allow_pxe": True}
    async with serving(network, tmp_path, known) as seen, machine(network, tmp_path, "uefi", "pxe") as guest:
        await guest.power_on()
        mac, fields = await seen("ipxe_script")
        assert (mac, fields["kind"], fields["platform"], fields["arch"]) == (MAC, "install", "efi", "x86_64")
