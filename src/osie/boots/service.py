"""The netboot service as one context: HTTP, syslog and dnsmasq, started in this order, stopped in reverse."""

import asyncio
import errno
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from osie.boots import dnsmasq, http, ipxe_binaries, syslog
from osie.boots.config import BootsConfig
from osie.boots.dhcp_server import DhcpServer
from osie.boots.leases import Leases
from osie.boots.machine import Machines
from osie.boots.router_advertisement import Advertiser
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.core.listening import listening

_STOP_S = 2.0  # for transfers under way, when we stop
_MOST_DISCOVERED = 4096  # strangers remembered, so that each is recorded once


class Boots:
    """Use as `async with Boots(config, machines) as boots`; call `refresh` when hardware changes."""

    def __init__(self, config: BootsConfig, machines: Machines) -> None:
        self._config = config
        self._machines = machines
        self._leases = Leases()
        self._dhcp = DhcpServer(config, self._heard)
        self._strangers: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._refreshing = asyncio.Lock()
        self._rendered: dict[str, str] = {}  # what dnsmasq was last given

    @property
    def base_url(self) -> str:
        """Where machines reach us over HTTP."""
        return self._config.base_url

    @property
    def dnsmasq_pid(self) -> int | None:
        """dnsmasq's process ID while it runs."""
        return self._dhcp.pid

    async def __aenter__(self) -> "Boots":
        async with AsyncExitStack() as stack:
            loaders = ipxe_binaries.install(self._config.ipxe_source, self._config.ipxe_dir)
            self._leases.read(self._config.dnsmasq_dir / "leases")
            write_atomically(self._config.dnsmasq_dir / "dnsmasq.conf", dnsmasq.render(self._config, loaders))
            await self.refresh()
            await stack.enter_async_context(self._http())
            if (port := self._config.syslog_port) is not None:
                await stack.enter_async_context(
                    syslog.Receiver(self._config.address, port, self._leases.mac_of, self._machines.log)
                )
            if self._config.router_advertisement:
                await stack.enter_async_context(Advertiser(self._config.interface))
            # Last: an address and a file name are given out only when the rest is there to be asked.
            await stack.enter_async_context(self._dhcp)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def refresh(self) -> None:
        """Take over what is known of the machines now."""
        async with self._refreshing:
            machines = await self._machines.every()
            self._leases.reserve(machines)
            rendered = {"hosts": dnsmasq.render_hosts(machines), "options": dnsmasq.render_options(machines)}
            if rendered == self._rendered:  # netboot turned on or off, say: nothing that DHCP hands out
                return
            for name, text in rendered.items():
                write_atomically(self._config.dnsmasq_dir / name, text)
            self._dhcp.reread()
            self._rendered = rendered  # only now: where a file can't be written, the next change tries again

    def _ailing(self) -> str:
        return "" if self._dhcp.pid is not None else "dnsmasq does not run"

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[None]:
        app = http.create(self._config, self._machines, self._leases, self._ailing)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
        await runner.setup()
        try:
            await self._listen(runner)
            yield
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        where = f"{self._config.address}:{self._config.http_port}"
        try:
            opened = listening(self._config.address, self._config.http_port)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise OsieError(
                    f"HTTP: {self._config.address} is not an address of this host",
                    hint=f"`ip address show {self._config.interface}` lists them",
                ) from error
            if error.errno == errno.EADDRINUSE:
                raise OsieError(
                    f"HTTP: port {self._config.http_port} is in use on {self._config.address}",
                    hint=f"`ss -tlpn sport = :{self._config.http_port}` says by whom",
                ) from error
            raise OsieError(f"HTTP can't listen on {where}: {error.strerror}") from error
        await web.SockSite(runner, opened).start()  # which closes it in the end

    async def _heard(self, seen: dnsmasq.Seen) -> None:
        """Record what dnsmasq's log says."""
        if seen.what == "ack":
            self._leases.saw(seen.mac, seen.address)
            await self._machines.record(seen.mac, "dhcp_ack", {"address": seen.address})
        if self._leases.is_known(seen.mac) or (seen.mac, seen.address) in self._strangers:
            return
        self._strangers[seen.mac, seen.address] = None
        if len(self._strangers) > _MOST_DISCOVERED:
            self._strangers.popitem(last=False)
        await self._machines.record(seen.mac, "discovered", {"by": "dhcp", "address": seen.address})
