"""What machines get over HTTP, and what is written down about it."""

import asyncio
import ctypes
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from osie.boots import http
from osie.boots.config import BootsConfig
from osie.boots.leases import Leases
from osie.contracts.machine import Netboot

KNOWN_MAC = "52:54:00:00:00:10"
KERNEL = f"/artifacts/vmlinuz-x86_64?mac={KNOWN_MAC}"
_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ = 19, 20, 21  # include/uapi/linux/tcp.h
INITRAMFS = f"/artifacts/initramfs-x86_64?mac={KNOWN_MAC.replace(':', '-')}"


@pytest.fixture
def leases() -> Leases:
    """Nobody has an address yet."""
    return Leases()


@pytest.fixture
async def port(config: BootsConfig, machines: Any, leases: Leases) -> AsyncIterator[int]:
    """The server on a free port of the loopback interface."""
    runner = web.AppRunner(http.create(config, machines, leases), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def client(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of that server that decodes nothing."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as session:
        yield session


async def test_without_a_mac_ipxe_is_told_to_say_it(client: aiohttp.ClientSession, machines: Any) -> None:
    """DHCP hands out one URL for all; the answer chains to one with the booted NIC's MAC."""
    async with client.get("/auto.ipxe") as answer:
        text = await answer.text()
    assert text.startswith("#!ipxe\nchain --replace http://10.77.0.1:7171/auto.ipxe?mac=${netX/mac:hexhyp}&")
    assert machines.events == []


async def test_the_manifest_says_what_the_ramdisk_wants(
    client: aiohttp.ClientSession, config: BootsConfig
) -> None:
    """Its kernel parameters are read anew for each script; one that can't be read is told, not skipped."""
    manifest = config.artifacts / "manifest.json"

    async def script() -> str:
        async with client.get("/auto.ipxe", params={"mac": KNOWN_MAC}) as answer:
            return await answer.text()

    assert "panic=60" not in await script()
    manifest.write_text('{"kernel_parameters": ["panic=60"]}')
    assert " panic=60 console=tty0 " in await script()
    manifest.write_text('{"kernel_parameters": "panic=60"}')
    assert "manifest.json: kernel_parameters isn't a list of texts" in await script()
    manifest.write_text("{")
    assert "manifest.json can't be read" in await script()


async def test_each_machine_gets_its_own_script(client: aiohttp.ClientSession, machines: Any) -> None:
    """Known: install. Unknown: a message, and how often it has asked is told each time."""
    async with client.get("/auto.ipxe", params={"mac": "52-54-00-00-00-10", "platform": "efi"}) as answer:
        assert "kernel http://10.77.0.1:7171/artifacts/vmlinuz-x86_64" in await answer.text()
    assert machines.netboots == [(Netboot(KNOWN_MAC, "127.0.0.1", {"platform": "efi"}), "install")]
    machines.netboots.clear()
    for asked in (0, 1, 2):
        async with client.get(
            "/auto.ipxe", params={"mac": "525400000099", "asked": asked, "uuid": "u"}
        ) as answer:
            assert f"asked={asked + 1}" in await answer.text()
    assert machines.netboots == [
        (Netboot("52:54:00:00:00:99", "127.0.0.1", {"uuid": "u"}, asked), "unknown") for asked in (0, 1, 2)
    ]


async def test_netboot_off_is_answered_with_the_disk(client: aiohttp.ClientSession, machines: Any) -> None:
    """The script changes with the machine, at once."""
    machines.known[KNOWN_MAC] = replace(machines.known[KNOWN_MAC], allow_pxe=False)
    async with client.get("/auto.ipxe", params={"mac": KNOWN_MAC}) as answer:
        assert "sanboot --no-describe --drive 0x80" in await answer.text()
    assert [kind for _, kind in machines.netboots] == ["disk"]


async def test_a_stopped_machine_is_held_until_it_no_longer_is(
    client: aiohttp.ClientSession, machines: Any
) -> None:
    """The first answer after the stop is over installs."""
    known = machines.known[KNOWN_MAC]
    machines.known[KNOWN_MAC] = replace(known, stopped="default/w netbooted 5 times")
    for asked in (0, 1, 1):
        async with client.get("/auto.ipxe", params={"mac": KNOWN_MAC, "asked": asked}) as answer:
            assert "default/w netbooted 5 times" in await answer.text()
    machines.known[KNOWN_MAC] = known
    async with client.get("/auto.ipxe", params={"mac": KNOWN_MAC, "asked": 1}) as answer:
        assert "kernel http://" in await answer.text()
    kinds = [(netboot.asked, kind) for netboot, kind in machines.netboots]
    assert kinds == [(0, "stopped"), (1, "stopped"), (1, "stopped"), (1, "install")]


async def test_a_wrong_mac_is_refused(client: aiohttp.ClientSession) -> None:
    """With the reason."""
    async with client.get("/auto.ipxe", params={"mac": "x"}) as answer:
        assert (answer.status, "not a MAC address" in await answer.text()) == (400, True)


async def test_a_whole_transfer_is_recorded(
    client: aiohttp.ClientSession, machines: Any, config: BootsConfig
) -> None:
    """Kernel and ramdisk, each when it is over, with bytes and seconds."""
    for url, name, event in (
        (KERNEL, "vmlinuz-x86_64", "kernel_sent"),
        (INITRAMFS, "initramfs-x86_64", "initramfs_sent"),
    ):
        async with client.get(url) as answer:
            content = (config.artifacts / name).read_bytes()
            assert await answer.read() == content
        mac, fields = await machines.seen(event)
        assert (mac, fields["bytes"]) == (KNOWN_MAC, len(content))


async def test_ranges_and_validators(
    client: aiohttp.ClientSession, machines: Any, config: BootsConfig
) -> None:
    """A download resumes by range only while the file is the same; HEAD and 304 send nothing."""
    content = (config.artifacts / "initramfs-x86_64").read_bytes()
    async with client.head(INITRAMFS) as answer:
        tag = answer.headers["ETag"]
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(content)))
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert not tag.startswith("W/")
        modified = answer.headers["Last-Modified"]
    resume = {"Range": "bytes=1000-"}
    for validator, status in ((tag, 206), (modified, 206), ('"other"', 200), (f"W/{tag}", 200)):
        async with client.get(INITRAMFS, headers={**resume, "If-Range": validator}) as answer:
            assert answer.status == status
            body = await answer.read()
            assert body == (content[1000:] if status == 206 else content)
    async with client.get(INITRAMFS, headers={"Range": "bytes=10-19"}) as answer:
        assert answer.headers["Content-Range"] == f"bytes 10-19/{len(content)}"
        assert await answer.read() == content[10:20]
    async with client.get(INITRAMFS, headers={"Range": f"bytes={len(content)}-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(content)}")
    async with client.get(INITRAMFS, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with client.get(INITRAMFS, headers={"If-Match": '"other"'}) as answer:
        assert answer.status == 412
    await machines.seen("initramfs_sent", times=2)
    assert len(machines.events) == 2  # the two whole transfers, after a validator that no longer held


async def test_a_name_never_stands_for_its_compressed_sibling(
    client: aiohttp.ClientSession, config: BootsConfig
) -> None:
    """NAME.gz beside NAME changes nothing for a client that accepts gzip."""
    (config.artifacts / "vmlinuz-x86_64.gz").write_bytes(b"compressed")
    async with client.get(KERNEL, headers={"Accept-Encoding": "gzip"}) as answer:
        assert await answer.read() == (config.artifacts / "vmlinuz-x86_64").read_bytes()
        assert "Content-Encoding" not in answer.headers


async def test_a_client_that_hangs_up_is_not_recorded(
    client: aiohttp.ClientSession, port: int, machines: Any, config: BootsConfig
) -> None:
    """Not even where the kernel took all bytes from us; a whole transfer after it is recorded."""
    size = 8 << 20
    with (config.artifacts / "initramfs-x86_64").open("wb") as file:
        file.truncate(size)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {INITRAMFS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readexactly(1000)
    writer.transport.abort()
    async with client.get(INITRAMFS) as answer:
        assert len(await answer.read()) == size
    await machines.seen("initramfs_sent")
    assert len(machines.named("initramfs_sent")) == 1


def _fetch_but_never_acknowledge_the_end(port: int, size: int, *, reset: bool) -> socket.socket:
    """Ask for the ramdisk; the TCP below us takes no segment that begins in the last 100,000 bytes.

    With `reset`, break the connection when that is all that is missing.
    """
    client = socket.socket()
    client.settimeout(30)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # more than a segment beside these bytes
    client.connect(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    client.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, 1)  # what we receive
    first = client.getsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ) & 0xFFFFFFFF
    client.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 0)
    program = (
        (0x20, 0, 0, 4),  # load the segment's sequence number
        (0x14, 0, 0, first),  # subtract
        (0x35, 0, 1, size - 100_000),  # at least that?
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFFFFFF),  # take it
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    client.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
    )
    client.sendall(f"GET {INITRAMFS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    left = size - 100_000
    while left > 0:
        left -= len(client.recv(1 << 16))
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    return client


async def test_a_machine_that_starts_before_it_acknowledged_the_end(
    port: int, machines: Any, config: BootsConfig
) -> None:
    """An iPXE of 2025 on UEFI does: the file was sent, and the journal says what of it is unacknowledged.

    Were the cable pulled then, it would look the same: so it isn't told as acknowledged.
    """
    size = 4 << 20
    with (config.artifacts / "initramfs-x86_64").open("wb") as file:
        file.truncate(size)
    with await asyncio.to_thread(_fetch_but_never_acknowledge_the_end, port, size, reset=False):
        _, fields = await machines.seen("initramfs_sent")
    assert fields["bytes"] == size
    assert 0 < fields["unacknowledged"] < 100_000


async def test_a_connection_that_breaks_at_the_end_is_not_recorded(
    port: int, client: aiohttp.ClientSession, machines: Any, config: BootsConfig
) -> None:
    """The client resets it with the last bytes under way: it hasn't got the file, whatever it does now."""
    size = 4 << 20
    with (config.artifacts / "initramfs-x86_64").open("wb") as file:
        file.truncate(size)
    await asyncio.to_thread(_fetch_but_never_acknowledge_the_end, port, size, reset=True)
    async with client.get(INITRAMFS) as answer:
        assert len(await answer.read()) == size
    await machines.seen("initramfs_sent")
    assert [fields.get("unacknowledged") for _, fields in machines.named("initramfs_sent")] == [None]


async def test_folders_are_served_and_nothing_beside_them(
    client: aiohttp.ClientSession, port: int, machines: Any, leases: Leases, config: BootsConfig
) -> None:
    """Deep paths yes; parents, hidden files, folders and the rest of the disk no."""
    leases.saw(KNOWN_MAC, "127.0.0.1")
    async with client.get("/images/debian/os.raw.zst") as answer:
        assert await answer.read() == b"image"
    assert (await machines.seen("image_sent"))[1]["name"] == "debian/os.raw.zst"
    (config.state_dir).mkdir()
    (config.state_dir / "secret").write_text("secret")
    for path in (
        "/images/../state/secret",
        "/images/..%2fstate%2fsecret",
        "/images/debian",
        "/images//etc/passwd",
        "/images/%2fetc/passwd",
        "/images/a%00b",
        "/artifacts/..%2fstate%2fsecret",
        "/elsewhere/x",
        "/artifacts/absent",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.readline()).split()[1] == b"404", path
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (r'{"a": "\ud800"}', "surrogate"),
        (r'{"a": "b\u0000"}', "NUL"),
        ('{"a": {"b": NaN}}', "not a finite number"),
        ('{"a": 1e999}', "not a finite number"),
        ('{"a": ' + "[" * 600 + "]" * 600 + "}", "nested"),
    ],
    ids=["surrogate", "nul", "nan", "infinite", "deep"],
)
async def test_phone_home_takes_only_what_can_be_shown_again(
    client: aiohttp.ClientSession, machines: Any, body: str, reason: str
) -> None:
    """What a database or JSON can't hold is refused in a line: stored, it would hide every machine."""
    async with client.post("/phone-home", params={"mac": KNOWN_MAC}, data=body) as answer:
        assert answer.status == 400
        assert reason in await answer.text()
    assert not machines.named("phone_home")


async def test_phone_home_is_filed_under_the_machine(
    client: aiohttp.ClientSession, machines: Any, leases: Leases
) -> None:
    """Found by its address or by ?mac=; strangers, nonsense and floods are refused with a reason. Only from
    the machine's own address it settles the machine's reboot.
    """
    async with client.post("/phone-home", json={"token": "t"}) as answer:
        assert (answer.status, "no known machine" in await answer.text()) == (404, True)
    leases.saw(KNOWN_MAC, "127.0.0.1")
    async with client.post("/phone-home", json={"token": "t", "hostname": "h"}) as answer:
        assert answer.status == 200
    async with client.post("/phone-home", params={"mac": KNOWN_MAC}, json={"token": "u"}) as answer:
        assert answer.status == 200
    assert machines.named("phone_home") == [
        (KNOWN_MAC, {"token": "t", "hostname": "h"}),
        (KNOWN_MAC, {"token": "u"}),
    ]
    assert machines.boots == [KNOWN_MAC, KNOWN_MAC]
    for body, status in ((b"{", 400), (b"[]", 400), (b"[" * 60000, 400), (b"\xff", 400), (b" " * 65537, 413)):
        async with client.post("/phone-home", data=body) as answer:
            assert answer.status == status
    assert len(machines.named("phone_home")) == 2
    leases.saw("52:54:00:00:00:99", "127.0.0.1")
    async with client.post("/phone-home", params={"mac": KNOWN_MAC}, json={"token": "v"}) as answer:
        assert answer.status == 200
    assert machines.boots == [KNOWN_MAC, KNOWN_MAC]


async def test_health(client: aiohttp.ClientSession) -> None:
    """For whoever watches us."""
    async with client.get("/healthz") as answer:
        assert await answer.json() == {"status": "ok"}
