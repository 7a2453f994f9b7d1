"""What the services of both generations share: bytes in and messages out, our errors as statuses, a port."""

import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from sqlalchemy.exc import DataError, SQLAlchemyError

from osie.core.errors import OsieError
from osie.tink.domain.steps import NotYoursError, OutOfTurnError, TooEarlyError, UnknownActionError
from osie.tink.service.dispatch import NoWorkError
from osie.tink.store.database import said

_log = structlog.get_logger("osie.tink.grpc")

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"  # generic in the stubs only
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Reply = TypeVar("_Reply")

_DETAIL_CHARACTERS = 500  # it goes into a header of at most 8 KiB, 12 bytes for some characters

# What "no timeout" is on the wire, where upstream's agent takes 0 for a deadline that is over: ten years.
FOREVER_S = 10 * 365 * 86400

_STATUS: dict[type[Exception], grpc.StatusCode] = {
    NoWorkError: grpc.StatusCode.NOT_FOUND,
    UnknownActionError: grpc.StatusCode.NOT_FOUND,
    NotYoursError: grpc.StatusCode.PERMISSION_DENIED,
    OutOfTurnError: grpc.StatusCode.FAILED_PRECONDITION,
    TooEarlyError: grpc.StatusCode.FAILED_PRECONDITION,
    ValueError: grpc.StatusCode.INVALID_ARGUMENT,
}


class Place(Protocol):
    """Where calls are worked on: CallLimiter, or what stands before it."""

    async def serve(self, call: Callable[[Any], Coroutine[Any, Any, _Reply]], request: Any, /) -> _Reply:
        """What the call answers. Raises what it raises."""
        ...


def agent_of(text: str, field: str = "agent_id") -> str:
    """The id that an agent gives itself. Raises ValueError."""
    if not 1 <= len(text.strip()) <= 253:
        raise ValueError(f"{field}: expected 1 to 253 characters")
    return text


def _guarded(
    place: Place, call: Callable[[Any], Coroutine[Any, Any, _Reply]], form: type[Message]
) -> Callable[[bytes, _Context], Awaitable[_Reply]]:
    """`call` with our errors as gRPC's: an agent is told in a status, and never by a broken stream.

    It takes bytes, since grpc answers UNKNOWN to what its own deserializer can't read.
    """

    @functools.wraps(call)
    async def handle(request: bytes, context: _Context) -> _Reply:
        try:
            return await place.serve(call, form.FromString(request))
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no {form.DESCRIPTOR.full_name} message")
        except (OsieError, ValueError) as error:
            status = _STATUS.get(type(error), grpc.StatusCode.INTERNAL)
            await context.abort(status, str(error)[:_DETAIL_CHARACTERS])
        except DataError:  # a NUL in an id, for instance, which PostgreSQL can't even compare
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an id that no store can hold")
        except (SQLAlchemyError, OSError) as error:
            _log.warning("store failed", call=call.__name__, error=said(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the store does not answer")
        raise AssertionError("abort raises")

    return handle


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()


def unary(place: Place, call: Callable[[Any], Coroutine[Any, Any, Message]], form: type[Message]) -> _Handler:
    """A method that takes a message of this form and answers with one."""
    return grpc.unary_unary_rpc_method_handler(_guarded(place, call, form), response_serializer=_bytes)


def stream(
    place: Place, call: Callable[[Any], Coroutine[Any, Any, Sequence[Message]]], form: type[Message]
) -> _Handler:
    """A method that takes a message of this form and answers with some."""
    guarded = _guarded(place, call, form)

    async def handle(request: bytes, context: _Context) -> AsyncIterator[Message]:
        for message in await guarded(request, context):
            yield message

    return grpc.unary_stream_rpc_method_handler(handle, response_serializer=_bytes)


@asynccontextmanager
async def listening(
    handlers: "Sequence[grpc.GenericRpcHandler[Any, Any]]", listen: str
) -> AsyncIterator[int]:
    """Serve on `listen` ("HOST:PORT"; port 0: any) within the block; yields the port. Raises OsieError."""
    _probe(listen)
    # With SO_REUSEPORT a second server would take half of the first one's connections, silently.
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers(handlers)
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise OsieError(f"gRPC can't listen on {listen}", hint=_taken(listen)) from error
    if port == 0:
        raise OsieError(f"gRPC can't listen on {listen}", hint=_taken(listen))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace=1.0)


def _probe(listen: str) -> None:
    """Raise OsieError where the port can't be had: gRPC would first write a line of its own to our log."""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), int(port)))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise OsieError(f"gRPC can't listen on {listen}: {why}", hint=_taken(listen)) from None


def _taken(listen: str) -> str:
    return f"is port {listen.rpartition(':')[2]} taken (`ss -ltnp`), or the address not this host's?"
