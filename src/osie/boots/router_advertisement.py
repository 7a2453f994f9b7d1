"""Answers router solicitations on boots' interface: see osie.core.router_advertisement for why."""

import asyncio
import socket

import structlog

from osie.core.router_advertisement import advertise, listening

log = structlog.get_logger(__name__)


class Advertiser:
    """Answers every router solicitation on `interface` while the context lasts, where the host has IPv6."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._peer: socket.socket | None = None
        self._answering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Advertiser":
        try:
            self._peer = listening(self._interface)
            self._peer.setblocking(False)
        except OSError as error:  # a host without IPv6: iPXE is slower then, and works
            log.warning("no_router_advertisements", interface=self._interface, reason=str(error))
            return self
        self._answering = asyncio.create_task(self._answer(self._peer), name="boots router advertisements")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        if self._peer is not None:
            self._peer.close()

    async def _answer(self, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        scope = socket.if_nametoindex(self._interface)
        while True:
            try:
                await loop.sock_recvfrom(peer, 2048)
                advertise(peer, scope)
            except OSError as error:  # our own address may not be settled yet; iPXE asks again
                log.debug("router_advertisement_failed", reason=str(error))
                await asyncio.sleep(0.1)  # a lasting error must not spin
