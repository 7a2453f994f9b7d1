"""The netboot service as one context: HTTP, syslog and dnsmasq, started in this order, stopped in reverse."""

import asyncio
import errno
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from osie.boots import dhcp_release, dnsmasq, http, ipxe_binaries, syslog
from osie.boots.config import BootsConfig
from osie.boots.dhcp_server import DhcpServer
from osie.boots.leases import Leases
from osie.boots.machines import Machines
from osie.boots.router_advertisement import Advertiser
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.core.listening import listening

_STOP_S = 2.0  # for transfers under way, when we stop
_MOST_TOLD = 4096  # things remembered, so that each is recorded once
_NO_ADDRESS = (
    "its address is outside this server's network, is the server's own, or is leased to another machine"
)

log = structlog.get_logger(__name__)


class Boots:
    """Use as `async with Boots(config, machines) as boots`; call `refresh` when hardware changes."""

    def __init__(self, config: BootsConfig, machines: Machines) -> None:
        self._config = config
        self._machines = machines
        self._leases = Leases()
        self._dhcp = DhcpServer(config, self._heard, self._take_back)
        self._told: OrderedDict[tuple[str, ...], None] = OrderedDict()  # what is recorded once
        self._stale: list[tuple[str, str]] = []  # leases to be taken back, once dnsmasq runs
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
            self._leases.read(self._leasefile)  # ahead of dnsmasq's log by a moment
            self._stale += self._leases.reserve(machines)
            rendered = {"hosts": dnsmasq.render_hosts(machines), "options": dnsmasq.render_options(machines)}
            if rendered == self._rendered:  # netboot turned on or off, say: nothing that DHCP hands out
                return
            for name, text in rendered.items():
                write_atomically(self._config.dnsmasq_dir / name, text)
            await self._dhcp.reread()
            self._rendered = rendered  # only now: where a file can't be written, the next change tries again
            self._take_back()

    def _take_back(self) -> None:
        """Free addresses that are for another machine now."""
        if self._dhcp.pid is None:
            return
        stale, self._stale = self._stale, []
        for mac, address in stale:
            log.info("lease_taken_back", mac=mac, address=address)
            try:
                dhcp_release.send(self._config, mac, address)
            except OSError as error:  # the interface is away, say: the lease ends by itself
                log.warning("lease_not_taken_back", mac=mac, address=address, error=str(error))

    @property
    def _leasefile(self) -> Path:
        return self._config.dnsmasq_dir / "leases"

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
        machine = self._leases.known(seen.mac)
        if machine is None:
            if self._is_news(seen.mac, "discovered", seen.address):
                await self._machines.record(seen.mac, "discovered", {"by": "dhcp", "address": seen.address})
        elif seen.refused and self._is_news(seen.mac, "dhcp_refused", machine.address):
            log.warning("dhcp_refused", mac=seen.mac, address=machine.address, reason=_NO_ADDRESS)
            fields = {"address": machine.address, "reason": _NO_ADDRESS}
            await self._machines.record(seen.mac, "dhcp_refused", fields)

    def _is_news(self, *what: str) -> bool:
        """Whether this wasn't told yet; from now on it was."""
        if what in self._told:
            return False
        self._told[what] = None
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return True
