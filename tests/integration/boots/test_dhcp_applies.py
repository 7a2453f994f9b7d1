"""Hardware is applied while machines hold leases: with dnsmasq of Debian 12 and of Debian 13."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from netboot_clients import ACK, DISCOVER, NAK, REQUEST, Answer, DhcpClient, TftpTransfer

from osie.boots.config import BootsConfig
from osie.boots.service import Boots
from osie.cli.workshop import build_cache
from osie.contracts import dhcp
from osie.contracts.machine import Machine
from osie.core import packages
from osie.core.debian import PackageSet
from osie.core.process import run

A, B, C = (f"52:54:00:00:00:{last}" for last in ("10", "11", "12"))


@pytest.fixture(scope="module")
def unpacked() -> Path:
    """Debian 13's dnsmasq and its libraries, made before a test enters a network without the mirror."""
    return packages.unpacked(PackageSet(("dnsmasq-base",)), build_cache(), step="test-dnsmasq")


@pytest.fixture(params=["the host's", "Debian 13's"])
def dnsmasq(
    request: pytest.FixtureRequest, unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Which dnsmasq is the first on PATH: 2.90 on Debian 12, 2.91 out of Debian 13's packages."""
    if request.param == "Debian 13's":
        tree = unpacked
        (loader,) = tree.glob("usr/lib/*/ld-linux-*.so.*")
        program = tmp_path / "bin" / "dnsmasq"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\nexec {loader} --library-path {loader.parent} {tree}/usr/sbin/dnsmasq "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        assert " version 2.91 " in run(["dnsmasq", "--version"]).stdout
    return str(request.param)


@pytest.fixture
def client(wire: Any) -> Iterator[DhcpClient]:
    """A client at the far end of the wire, where a machine that renews is answered at its address."""
    for last in (*range(10, 14), 99):
        run(["ip", "-n", wire.client, "address", "add", f"10.77.0.{last}/24", "dev", wire.client_interface])
    with wire.far_end():
        one = DhcpClient(wire.client_interface)
    yield one
    one.close()


def told(client: DhcpClient, mac: str, holds: str) -> Answer:
    """The answer to a machine that renews, asked once: nothing may be lost while dnsmasq reads."""
    answer = client.ask(mac, REQUEST, holds=holds, within_s=10)
    assert answer is not None
    return answer


async def test_leases_and_transfers_survive_every_apply(
    wire: Any, client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str
) -> None:
    """30 applies after a lease: one dnsmasq, each question answered as things are now; TFTP goes on."""
    content = os.urandom(512 * 30 + 7)
    async with Boots(config, machines) as boots:
        (config.ipxe_dir / "large.bin").write_bytes(content)
        pid = boots.dnsmasq_pid
        assert (await lease(client, A)).address == "10.77.0.10"
        with wire.far_end():
            transfer = TftpTransfer(config.address, "large.bin")
        got = await asyncio.to_thread(transfer.block)
        for number in range(30):
            router, another = f"10.77.0.{200 + number}", f"52:54:00:00:01:{number:02x}"
            machines.known[A] = replace(machines.known[A], gateway=router)
            machines.known[another] = Machine(another, address=f"10.77.0.{30 + number}")
            await boots.refresh()
            answer = await asyncio.to_thread(told, client, A, "10.77.0.10")
            assert (answer.kind, answer.addresses(3)) == (ACK, [router])
            got += await asyncio.to_thread(transfer.block)
        transfer.close()
        assert got == content
        assert (await lease(client, another)).address == "10.77.0.59"
        assert boots.dnsmasq_pid == pid


async def test_a_usual_client_renews_after_applies(
    wire: Any, config: BootsConfig, machines: Any, dnsmasq: str, tmp_path: Path
) -> None:
    """udhcpc, 30 applies after its lease: its renewal has what holds now, and a new address comes."""
    script = tmp_path / "udhcpc.sh"
    script.write_text(
        "#!/bin/sh\n"
        '[ "$1" = deconfig ] && exec ip -4 address flush dev "$interface"\n'
        'case "$1" in bound|renew) ip address replace "$ip/24" dev "$interface";; esac\n'
        'echo "$1 $ip $router"\n'
    )
    script.chmod(0o755)
    async with Boots(config, machines) as boots:
        pid = boots.dnsmasq_pid
        client = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", wire.client, "busybox", "udhcpc", "-f", "-i", wire.client_interface),
            *("-t", "10", "-T", "1", "-s", script),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert await said(client) == "bound 10.77.0.10 10.77.0.1"
            for number in range(30):
                machines.known[A] = replace(machines.known[A], gateway=f"10.77.0.{200 + number}")
                await boots.refresh()
            client.send_signal(signal.SIGUSR1)  # udhcpc's for a renewal
            assert await said(client) == "renew 10.77.0.10 10.77.0.229"
            machines.known[A] = replace(machines.known[A], address="10.77.0.11")
            await boots.refresh()
            client.send_signal(signal.SIGUSR1)
            assert await said(client) == "bound 10.77.0.11 10.77.0.229"
        finally:
            client.kill()
            await client.communicate()
        assert boots.dnsmasq_pid == pid


async def said(client: asyncio.subprocess.Process) -> str:
    """The next that udhcpc's script says of a lease."""
    assert client.stdout is not None
    async with asyncio.timeout(60):
        while True:
            line = (await client.stdout.readline()).decode().strip()
            if line.startswith(("bound", "renew")) or not line:
                return line


async def test_a_changed_machine_is_told_at_its_next_renewal(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str
) -> None:
    """Another address, then none: a NAK each time, then what holds now; options that went are gone."""
    async with Boots(config, machines) as boots:
        await lease(client, A)
        machines.known[A] = Machine(A, address="10.77.0.11", lease_s=700)
        await boots.refresh()
        assert (await asyncio.to_thread(told, client, A, "10.77.0.10")).kind == NAK
        answer = await lease(client, A)
        assert (answer.address, answer.lease_s, answer.name) == ("10.77.0.11", 700, "")
        assert not answer.addresses(3) + answer.addresses(6) + answer.addresses(42)
        machines.known[A] = replace(machines.known[A], dhcp=False)
        await boots.refresh()
        assert await asyncio.to_thread(client.ask, A, DISCOVER, within_s=0.3) is None
        del machines.known[A]
        await boots.refresh()
        assert (await asyncio.to_thread(told, client, A, "10.77.0.11")).kind == NAK
        # As a stranger it gets an address of theirs; dnsmasq looks for 3 s whether somebody has it already.
        assert (await lease(client, A)).address in {f"10.77.0.{last}" for last in range(100, 121)}


async def test_an_address_goes_from_one_machine_to_another(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str
) -> None:
    """A new network card has the old one's at once; two machines change places; also over a restart."""
    async with Boots(config, machines) as boots:
        await lease(client, A)
        machines.known = {B: replace(machines.known[A], mac=B), C: Machine(C, address="10.77.0.12")}
        await boots.refresh()
        assert (await lease(client, B)).address == "10.77.0.10"
        assert (await lease(client, C)).address == "10.77.0.12"
        machines.known = {B: Machine(B, address="10.77.0.12"), C: Machine(C, address="10.77.0.10")}
        await boots.refresh()
        assert (await asyncio.to_thread(told, client, B, "10.77.0.10")).kind == NAK
        assert (await lease(client, B)).address == "10.77.0.12"
        assert (await lease(client, C)).address == "10.77.0.10"
    machines.known = {A: Machine(A, address="10.77.0.12")}
    async with Boots(config, machines):
        assert (await lease(client, A)).address == "10.77.0.12"


async def test_two_machines_that_want_one_address_harm_nobody(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str
) -> None:
    """The first has it, the second an address of strangers, and a third is served as ever."""
    machines.known[B] = Machine(B, address="10.77.0.10")
    machines.known[C] = Machine(C, address="10.77.0.12")
    async with Boots(config, machines) as boots:
        assert (await lease(client, A)).address == "10.77.0.10"
        assert (await lease(client, B)).address != "10.77.0.10"
        machines.known[C] = Machine(C, address="10.77.0.13")
        await boots.refresh()
        assert (await asyncio.to_thread(told, client, A, "10.77.0.10")).kind == ACK
        assert (await lease(client, C)).address == "10.77.0.13"


async def lease(client: DhcpClient, mac: str) -> Answer:
    """The machine's new lease."""
    answer = await asyncio.to_thread(client.lease, mac)
    assert answer is not None
    return answer


_NAMES = (
    st.sampled_from(
        ["ignore", "infinite", "5m", "300s", "12b", "7i", "7S", "1042", "10.0.0.1", "1.2.3.4/8", "IGNORE"]
    )
    | st.sampled_from(
        ["id:7", "id:*", "set:x", "tag:x", "net:x", "[::1]", "52:54:00:00:00:01", "a" * 63, "a" * 64]
    )
    | st.sampled_from(
        ["xn--zz", "XN--ZZ", "ab--CD", "node_1", "n1.example.org.", "N1.Example.org", ".", "-", "é", '"']
    )
    | st.text("0123456789smhdwbiaA.-,#: \n", max_size=8)
    | st.text(max_size=8)
)


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.generate],  # each example is a server and 30 leases
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=st.lists(_NAMES, min_size=30, max_size=30))
def test_a_host_name_is_nothing_but_a_host_name(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str, names: list[str]
) -> None:
    """Whatever machines are called, each has its address and its lease, and is told its name if it is one."""
    machines.known = {
        mac: Machine(mac, address=f"10.77.0.{20 + number}", hostname=name, lease_s=600)
        for number, name in enumerate(names)
        for mac in [f"52:54:00:00:02:{number:02x}"]
    }

    async def ask() -> None:
        async with Boots(config, machines):
            for machine in machines.known.values():
                answer = await lease(client, machine.mac)
                assert (answer.address, answer.lease_s) == (machine.address, 600)
                assert answer.name == dhcp.host_name(machine.hostname), machine.hostname

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("asked", "given"),
    [(0, 7200), (1, 120), (4294967294, 4294967294), (4294967295, 4294967295), (99999999999, 4294967295)],
)
async def test_a_lease_is_as_long_as_asked_or_as_dhcp_can_say(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str, asked: int, given: int
) -> None:
    """At least two minutes, at most for ever; upstream's 4294967294 s stay what they are."""
    machines.known[A] = replace(machines.known[A], lease_s=asked)
    async with Boots(config, machines):
        assert (await lease(client, A)).lease_s == given


async def test_static_routes_are_told_with_the_gateway(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str
) -> None:
    """Option 121, in which the router must be, too (RFC 3442); what is no IPv4 route is left out."""
    routes = (("10.1.0.0/16", "10.77.0.2"), ("192.168.0.0/23", "0.0.0.0"), ("fd00::/8", "fd00::1"))
    machines.known[A] = replace(machines.known[A], routes=routes)
    async with Boots(config, machines):
        answer = await lease(client, A)
        assert answer.options[121] == bytes(
            [0, 10, 77, 0, 1, 16, 10, 1, 10, 77, 0, 2, 23, 192, 168, 0, 0, 0, 0, 0]
        )
        assert answer.addresses(3) == ["10.77.0.1"]


async def test_as_many_as_can_be_are_told(
    client: DhcpClient, config: BootsConfig, machines: Any, dnsmasq: str
) -> None:
    """The longest lists there may be are one line for dnsmasq, and one option."""
    many = tuple(f"10.200.100.{100 + n}" for n in range(100))
    routes = tuple((f"100.100.100.{100 + n}/32", "10.200.100.100") for n in range(100))
    machines.known[A] = replace(machines.known[A], name_servers=many, time_servers=many, routes=routes)
    async with Boots(config, machines):
        answer = await lease(client, A)
        assert answer.addresses(6) == list(many[: dhcp.MOST_ADDRESSES])
        assert answer.addresses(42) == list(many[: dhcp.MOST_ADDRESSES])
        assert len(answer.options[121]) == 5 + 9 * (dhcp.MOST_ROUTES - 1)


async def test_who_gets_no_address_is_told(client: DhcpClient, config: BootsConfig, machines: Any) -> None:
    """A known machine whose address is in another network: once in its journal, with the reason."""
    machines.known[B] = Machine(B, address="10.78.0.10")
    async with Boots(replace(config, dynamic_range=None), machines):
        for _ in range(2):
            assert await asyncio.to_thread(client.ask, B, DISCOVER, within_s=0.2) is None
        mac, fields = await machines.seen("dhcp_refused")
        assert (mac, fields["address"]) == (B, "10.78.0.10")
        assert "outside this server's network" in str(fields["reason"])
        assert (await lease(client, A)).address == "10.77.0.10"
        assert len(machines.named("dhcp_refused")) == 1
