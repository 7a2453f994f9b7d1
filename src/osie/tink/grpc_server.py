"""The gRPC services: upstream's WorkflowService and, beside it, our Telemetry, on one port."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from sqlalchemy.exc import DataError, SQLAlchemyError

from osie.contracts import telemetry_pb2, tink_pb2
from osie.core.errors import OsieError
from osie.tink.dispatch import Dispatch, NoWorkError
from osie.tink.steps import NotYoursError, OutOfTurnError, UnknownActionError
from osie.tink.workflow import ActionState
from osie.tink.workflow_rows import LogLine

_log = structlog.get_logger("osie.tink.grpc")

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"  # generic in the stubs only
_Call = Callable[[Any], Awaitable[Message]]

_DETAIL_CHARACTERS = 500  # it goes into a header of at most 8 KiB, 12 bytes for some characters

_STATUS: dict[type[Exception], grpc.StatusCode] = {
    NoWorkError: grpc.StatusCode.NOT_FOUND,
    UnknownActionError: grpc.StatusCode.NOT_FOUND,
    NotYoursError: grpc.StatusCode.PERMISSION_DENIED,
    OutOfTurnError: grpc.StatusCode.FAILED_PRECONDITION,
    ValueError: grpc.StatusCode.INVALID_ARGUMENT,
}

_STATES = {
    tink_pb2.ACTION_STATE_PENDING: ActionState.PENDING,
    tink_pb2.ACTION_STATE_RUNNING: ActionState.RUNNING,
    tink_pb2.ACTION_STATE_FAILED: ActionState.FAILED,
    tink_pb2.ACTION_STATE_TIMEOUT: ActionState.TIMEOUT,
    tink_pb2.ACTION_STATE_SUCCESS: ActionState.SUCCESS,
}


class Services:
    """Messages in, messages out; what they mean is Dispatch's."""

    def __init__(self, agents: Dispatch) -> None:
        self._agents = agents

    async def get_action(self, request: tink_pb2.ActionRequest) -> Message:
        """proto.WorkflowService/GetAction."""
        attributes = json_format.MessageToDict(request.agent_attributes, preserving_proto_field_name=True)
        workflow, turn = await self._agents.get_action(_agent(request.agent_id), attributes)
        action = turn.action
        return tink_pb2.ActionResponse(
            workflow_id=f"{workflow.namespace}/{workflow.name}",
            task_id=turn.task.id,
            agent_id=request.agent_id,
            action_id=action.id,
            name=action.name,
            image=action.image,
            timeout=action.timeout_s,
            command=action.command,
            volumes=action.volumes,
            environment=action.environment,
            pid=action.pid,
            namespaces=tink_pb2.Namespaces(network=action.network_namespace, pid=action.pid_namespace),
        )

    async def report_action_status(self, request: tink_pb2.ActionStatusRequest) -> Message:
        """proto.WorkflowService/ReportActionStatus."""
        state = _STATES.get(request.action_state)
        if state is None:
            raise ValueError(f"action_state {request.action_state} says nothing")
        await self._agents.report(
            request.workflow_id,
            _agent(request.agent_id),
            request.action_id,
            state,
            message=request.message.message,
            duration=request.execution_duration,
        )
        return tink_pb2.ActionStatusResponse()

    async def report_progress(self, request: telemetry_pb2.ProgressReport) -> Message:
        """osie.v1.Telemetry/ReportProgress."""
        fields = {
            "phase": request.phase,
            "done": request.done,
            "total": request.total if request.HasField("total") else None,
            "unit": request.unit,
            "rate_per_s": request.rate_per_s,
            "eta_s": request.eta_s if request.HasField("eta_s") else None,
        }
        which = request.action
        await self._agents.progress(which.workflow_id, _agent(which.agent_id), which.action_id, fields)
        return telemetry_pb2.TelemetryReply()

    async def report_logs(self, request: telemetry_pb2.LogReport) -> Message:
        """osie.v1.Telemetry/ReportLogs."""
        lines = [LogLine(line.sequence, line.at_unix_s, line.stream, line.text) for line in request.lines]
        which = request.action
        await self._agents.logs(which.workflow_id, _agent(which.agent_id), which.action_id, lines)
        return telemetry_pb2.TelemetryReply()


def _agent(text: str) -> str:
    if not 1 <= len(text.strip()) <= 253:
        raise ValueError("agent_id: expected 1 to 253 characters")
    return text


def _guarded(call: _Call, form: type[Message]) -> Callable[[bytes, _Context], Awaitable[Message]]:
    """`call` with our errors as gRPC's: an agent is told in a status, and never by a broken stream.

    It takes bytes, since grpc answers UNKNOWN to what its own deserializer can't read.
    """

    @functools.wraps(call)
    async def handle(request: bytes, context: _Context) -> Message:
        try:
            return await call(form.FromString(request))
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no {form.DESCRIPTOR.full_name} message")
        except (OsieError, ValueError) as error:
            status = _STATUS.get(type(error), grpc.StatusCode.INTERNAL)
            await context.abort(status, str(error)[:_DETAIL_CHARACTERS])
        except DataError:  # a NUL in an id, for instance, which PostgreSQL can't even compare
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an id that no store can hold")
        except (SQLAlchemyError, OSError) as error:
            _log.warning("store failed", call=call.__name__, error=str(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the store does not answer")
        raise AssertionError("abort raises")

    return handle


def _method(call: _Call, request: type[Message]) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_unary_rpc_method_handler(
        _guarded(call, request),
        response_serializer=lambda message: message.SerializeToString(),
    )


def _handlers(services: Services) -> "tuple[grpc.GenericRpcHandler[Any, Any], ...]":
    workflow = {
        "GetAction": _method(services.get_action, tink_pb2.ActionRequest),
        "ReportActionStatus": _method(services.report_action_status, tink_pb2.ActionStatusRequest),
    }
    telemetry = {
        "ReportProgress": _method(services.report_progress, telemetry_pb2.ProgressReport),
        "ReportLogs": _method(services.report_logs, telemetry_pb2.LogReport),
    }
    return (
        grpc.method_handlers_generic_handler("proto.WorkflowService", workflow),
        grpc.method_handlers_generic_handler("osie.v1.Telemetry", telemetry),
    )


@asynccontextmanager
async def serve(agents: Dispatch, listen: str) -> AsyncIterator[int]:
    """Serve on `listen` ("HOST:PORT"; port 0: any) within the block; yields the port. Raises OsieError."""
    # With SO_REUSEPORT a second server would take half of the first one's connections, silently.
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers(_handlers(Services(agents)))
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


def _taken(listen: str) -> str:
    return f"is port {listen.rpartition(':')[2]} taken (`ss -ltnp`), or the address not this host's?"
