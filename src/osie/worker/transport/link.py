"""The connection to a tink server: calls with a deadline, and a new connection after a failure."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, TypeVar

import h2.exceptions
from google.protobuf.message import Message
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from osie.worker.action import Unreachable

# Upstream's server holds a question that it has no answer to for a minute.
CALL_S = 75.0
# A host that acknowledges nothing for so long is gone: a held question is no reason to wait for that one.
_GONE_S = 10

_BROKEN = (OSError, TimeoutError, StreamTerminatedError, ProtocolError, h2.exceptions.H2Error)

_Reply = TypeVar("_Reply", bound=Message)
_Told = TypeVar("_Told")


def tls_context(*, verify: bool) -> ssl.SSLContext:
    """What gRPC asks of TLS; `verify` false takes any certificate."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def said(error: GRPCError) -> str:
    """What the server said, in a sentence."""
    return f"the server answered {error.status.name}: {error.message or 'no reason given'}"


class Link:
    """The connection to a server. Every call has a deadline; after a failure the next call connects again."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._channel: Channel | None = None

    async def call(
        self, path: str, request: Message, reply: type[_Reply], deadline_s: float = CALL_S
    ) -> _Reply:
        """One message for one. Raises GRPCError: the server's words; Unreachable: it says nothing."""
        channel = self._connection()
        method = UnaryUnaryMethod[Message, _Reply](channel, path, type(request), reply)
        return await self._answer(channel, path, method(request, timeout=deadline_s), deadline_s)

    async def collect(self, path: str, request: Message, reply: type[_Reply]) -> list[_Reply]:
        """All messages of a stream, for one. Raises as `call` does."""
        channel = self._connection()
        method = UnaryStreamMethod[Message, _Reply](channel, path, type(request), reply)
        return await self._answer(channel, path, method(request, timeout=CALL_S), CALL_S)

    def close(self) -> None:
        """End the connection."""
        if self._channel is not None:
            self._drop(self._channel)

    def _connection(self) -> Channel:
        if self._channel is None:
            self._channel = Channel(self._host, self._port, ssl=self._tls)
        return self._channel

    async def _answer(
        self, channel: Channel, path: str, calling: Coroutine[Any, Any, _Told], deadline_s: float
    ) -> _Told:
        try:
            async with asyncio.timeout(min(deadline_s, _GONE_S)):  # grpclib's own doesn't end a connect
                protocol = await channel.__connect__()
            if not hasattr(protocol.connection, "_transport"):  # it broke as soon as it was made
                raise StreamTerminatedError("Connection lost")
            _notice_silence(protocol.connection._transport.get_extra_info("socket"))
            async with asyncio.timeout(deadline_s):
                return await calling
        except _BROKEN as error:
            self._drop(channel)
            raise Unreachable(f"no answer from {self._host}:{self._port} to {path}") from error
        finally:
            calling.close()  # nobody awaited it where there was no connection

    def _drop(self, channel: Channel) -> None:
        """Close a connection that failed: a half-open one would take every call's whole deadline."""
        channel.close()
        if self._channel is channel:
            self._channel = None


def _notice_silence(connected: socket.socket) -> None:
    """Let the kernel end the connection where the other host is gone (tcp(7))."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _GONE_S // 2)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _GONE_S // 4)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_S * 1000)
