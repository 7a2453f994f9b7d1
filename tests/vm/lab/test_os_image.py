"""The lab's OS starts from its disk and phones home, by BIOS and by UEFI."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.lab import accelerator, disk
from osie.lab.machine import VirtualMachine
from osie.lab.network import Network
from osie.lab.os_image import OsImage
from osie.lab.qemu import Firmware, Hardware

MAC = "52:54:00:05:1e:aa"
TOKEN = "made-for-this-test"
WITHIN_S = 90.0  # under TCG, on an idle machine with 2 cores


def put_token(image: Path, url: str) -> None:
    """Write /etc/osie/phone-home.json into the disk's root file system, as writefile does."""
    file = image.with_name("phone-home.json")
    file.write_text(json.dumps({"url": url, "token": TOKEN}))
    commands = f"mkdir /etc/osie\nwrite {file} /etc/osie/phone-home.json\n"
    run(
        ["debugfs", "-w", "-f", "-", f"{image}?offset={disk.ROOT.start_mib * disk.MIB}"],
        input=commands.encode(),
    )


async def posted(listener: socket.socket) -> dict[str, str]:
    """The JSON of the second POST; the first is answered 503, which must not count as received."""
    bodies: asyncio.Queue[bytes] = asyncio.Queue()
    answers = iter([b"503 Not yet", b"200 OK"])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        bodies.put_nowait(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 " + next(answers) + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, sock=listener):
        assert json.loads(await bodies.get())["token"] == TOKEN
        body: dict[str, str] = json.loads(await bodies.get())
        return body


async def started(machine: VirtualMachine, listener: socket.socket) -> dict[str, str]:
    """Power on and wait for the POST; an error of the machine ends the waiting."""
    await machine.power_on()
    async with asyncio.timeout(WITHIN_S):
        watching, posting = asyncio.create_task(machine.watch()), asyncio.create_task(posted(listener))
        try:
            await asyncio.wait({watching, posting}, return_when=asyncio.FIRST_COMPLETED)
            return await (watching if watching.done() else posting)
        finally:
            for task in (watching, posting):
                task.cancel()
            await asyncio.gather(watching, posting, return_exceptions=True)


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
async def test_boots_from_its_disk_and_phones_home(
    image: OsImage, network: Network, firmware: Firmware, tmp_path: Path
) -> None:
    """Written to a disk and given a token, the OS posts it until it is taken, within 90 s of power-on."""
    raw = tmp_path / "disk.raw"
    run(["zstd", "--quiet", "--decompress", "--sparse", image.path, "-o", raw])
    assert raw.stat().st_size == image.raw_size_bytes
    put_token(raw, f"http://{network.address}:7171/phone-home")
    leases = ["--port=0", "--bind-interfaces", "--interface=br0", "--leasefile-ro", "--conf-file=/dev/null"]
    network.popen(
        [
            "dnsmasq",
            "--keep-in-foreground",
            *leases,
            f"--dhcp-range={network.address[:-1]}10,static",
            f"--dhcp-host={MAC},{network.address[:-1]}10",
        ]
    )
    hardware = Hardware("os", MAC, raw, memory_mib=1024, firmware=firmware, netboot=False)
    machine = VirtualMachine(network, hardware, log=tmp_path / "console", accelerated_by=accelerator.best())
    async with machine:
        body = await started(machine, network.listen(7171))
        assert body == {"token": TOKEN, "hostname": "debian"}
        accepted = await machine.console.wait_for("osie-phone-home: accepted", 20)
        print(f"{firmware}, {machine.accelerator}: {accepted.at - machine.powered_on_at:.1f} s to phone home")
        await machine.power_off(within_s=0)
        assert not machine.is_on


def test_digest_is_of_the_file(image: OsImage) -> None:
    """The digest that comes with the image is the file's."""
    assert sha256_of_file(image.path) == image.sha256
