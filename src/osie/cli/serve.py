"""`osie serve`: boots, tink and the registry in one process, composed here and nowhere else."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path

import click
import structlog
import uvicorn
from aiohttp import web

from osie.boots import subnet
from osie.boots.config import BootsConfig
from osie.boots.service import Boots
from osie.cli import config, doctor
from osie.cli.config import ServeConfig
from osie.core import locks
from osie.core.errors import OsieError
from osie.core.listening import listening
from osie.registry import app as registry_app
from osie.tink.domain.served_network import ServedNetwork
from osie.tink.domain.states_time import Patience
from osie.tink.grpc import agent_service, older_service
from osie.tink.http import application, browsers
from osie.tink.service.service import Tink
from osie.tink.store.database import Store

_log = structlog.get_logger("osie.serve")


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path, dir_okay=False), required=True)
def serve(path: Path) -> None:
    """Run boots, tink and the registry in one process, until SIGTERM or SIGINT."""
    settings = config.load(path)
    doctor.require("serve")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    asyncio.run(_until_told(settings))


async def _until_told(settings: ServeConfig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings):
        _log.info("serving", address=settings.network.address, operator=settings.operator.listen)
        await stop.wait()
        _log.info("stopping")


@asynccontextmanager
async def running(settings: ServeConfig) -> AsyncIterator[None]:
    """All servers, within the block. Raises OsieError where one can't start; none is left running then."""
    locks.allow_many()  # a waiting machine is a connection
    address = settings.network.address
    async with AsyncExitStack() as stack:
        stack.enter_context(_state_of_our_own(settings.state_dir))
        operator = _operator_socket(settings.operator.listen)
        stack.callback(operator.close)
        store = await Store.open(settings.database_url)
        stack.push_async_callback(store.close)
        policy = settings.tink
        engine = Tink(
            store,
            rewrite_images=policy.rewrite_images,
            require_verified=policy.require_verified,
            patience=_patience(policy),
            network=_served(settings.network),
        )
        tink = await stack.enter_async_context(engine)
        await stack.enter_async_context(
            agent_service.serve(
                tink.agents,
                f"{address}:{policy.grpc_port}",
                hold_s=min(policy.hold_s, policy.silent_after_s / 2),  # who waits is no silent one
            )
        )
        if policy.older_grpc_port:
            await stack.enter_async_context(
                older_service.serve(tink.agents, f"{address}:{policy.older_grpc_port}")
            )
        await stack.enter_async_context(_registry(settings))
        boots = await stack.enter_async_context(Boots(_boots_config(settings), tink.machines))
        await stack.enter_async_context(_refreshing(boots, tink))
        # Last, so that the API answers only when everything does.
        await stack.enter_async_context(_operator_api(tink, operator, settings.operator.names))
        yield


@contextmanager
def _state_of_our_own(folder: Path) -> Iterator[None]:
    """Have the state folder for this server alone; a new one only our user can read. Raises OsieError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.alone_if_free(folder) as free:
        if not free:
            raise OsieError(
                f"another `osie serve` runs on {folder}",
                hint="stop it, or give this one a state_dir of its own",
            )
        yield


def _patience(policy: config.Tink) -> Patience:
    return Patience(
        silent_after_s=policy.silent_after_s,
        on_silence=policy.on_silence,
        silent_fail_after_s=policy.silent_fail_after_s,
        reboot_s=policy.reboot_s,
        netboot_limit=policy.netboot_limit,
    )


def _served(network: config.Network) -> ServedNetwork | None:
    """What DHCP serves; None where our address isn't on the interface, which boots tells in its words."""
    server = subnet.of(network.interface, network.address)
    if server is None:
        return None
    if network.dynamic_range is None:
        return ServedNetwork(server)
    first, last = map(IPv4Address, network.dynamic_range)
    return ServedNetwork(server, (first, last))


def _boots_config(settings: ServeConfig) -> BootsConfig:
    address = settings.network.address
    return BootsConfig(
        interface=settings.network.interface,
        address=address,
        artifacts=settings.boots.artifacts,
        ipxe_folder=settings.boots.ipxe_folder,
        state_dir=settings.state_dir / "boots",
        http_port=settings.boots.port,
        files=settings.boots.folders,
        dynamic_range=settings.network.dynamic_range,
        kernel_parameters=settings.boots.kernel_parameters,
        grpc_authority=f"{address}:{settings.tink.grpc_port}",
        registry_authority=f"{address}:{settings.registry.port}",
        syslog_port=settings.boots.syslog_port,
    )


def _operator_socket(listen: str) -> socket.socket:
    """The operator API's listening socket: bound here, or inherited as `fd:N`."""
    host, _, number = listen.rpartition(":")
    if host == "fd":
        try:
            return socket.socket(fileno=int(number))
        except OSError as error:
            raise OsieError(f"operator.listen: {listen}: no socket was handed in as this number") from error
    try:
        return listening(host.removeprefix("[").removesuffix("]"), int(number))
    except OSError as error:
        reason = (error.strerror or "").lower()
        what = "is taken" if error.errno == errno.EADDRINUSE else reason
        raise OsieError(
            f"operator.listen: {listen}: {what}", hint="choose another with operator.listen in the config"
        ) from error


@asynccontextmanager
async def _registry(settings: ServeConfig) -> AsyncIterator[None]:
    address, port = settings.network.address, settings.registry.port
    runner = web.AppRunner(registry_app.create(settings.registry.layout), access_log=None)
    await runner.setup()
    try:
        try:
            opened = listening(address, port)
        except OSError as error:
            raise OsieError(
                f"the registry can't listen on {address}:{port}: {(error.strerror or '').lower()}",
                hint="registry.port and network.address in the config say where",
            ) from error
        await web.SockSite(runner, opened).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _refreshing(boots: Boots, tink: Tink) -> AsyncIterator[None]:
    """Keep DHCP's reservations in step with the hardware."""

    async def follow() -> None:
        async for _ in tink.machines.changes():
            try:
                await boots.refresh()
            except OSError as error:  # a full disk, say: DHCP goes on with what it knew
                _log.error("reservations not taken over", error=str(error))

    async with _background(follow()):
        yield


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: stopping is decided in one place, for all servers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@asynccontextmanager
async def _operator_api(tink: Tink, listening: socket.socket, names: Collection[str]) -> AsyncIterator[None]:
    app = application.create(tink, names={*browsers.own_names(), *names})
    server = _Uvicorn(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        tink.end_streams()  # a server waits for its streams
        server.should_exit = True
        await task


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
