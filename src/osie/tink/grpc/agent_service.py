"""The gRPC services: upstream's WorkflowService and, beside it, our Telemetry, on one port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from osie.contracts import telemetry_pb2, tink_pb2
from osie.tink.domain.workflow import ActionState
from osie.tink.grpc.calls import FOREVER_S, agent_of, listening, unary
from osie.tink.service.dispatch import Dispatch
from osie.tink.service.long_poll import LongPoll
from osie.tink.store.workflow_rows import LogLine

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
        agent, boot_id = agent_of(request.agent_id), request.boot_id
        workflow, turn = await self._agents.get_action(agent, attributes, boot_id)
        action = turn.action
        return tink_pb2.ActionResponse(
            workflow_id=f"{workflow.namespace}/{workflow.name}",
            task_id=turn.task.id,
            agent_id=request.agent_id,
            action_id=action.id,
            name=action.name,
            image=action.image,
            timeout=action.timeout_s or FOREVER_S,
            command=action.command,
            volumes=action.volumes,
            environment=action.environment,
            pid=action.pid_namespace or action.pid,  # as upstream: older agents read this one only
            namespaces=tink_pb2.Namespaces(network=action.network_namespace, pid=action.pid_namespace),
        )

    async def report_action_status(self, request: tink_pb2.ActionStatusRequest) -> Message:
        """proto.WorkflowService/ReportActionStatus."""
        state = _STATES.get(request.action_state)
        if state is None:
            raise ValueError(f"action_state {request.action_state} says nothing")
        await self._agents.report(
            request.workflow_id,
            agent_of(request.agent_id),
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
        await self._agents.progress(which.workflow_id, agent_of(which.agent_id), which.action_id, fields)
        return telemetry_pb2.TelemetryReply()

    async def report_logs(self, request: telemetry_pb2.LogReport) -> Message:
        """osie.v1.Telemetry/ReportLogs."""
        lines = [LogLine(line.sequence, line.at_unix_s, line.stream, line.text) for line in request.lines]
        which = request.action
        await self._agents.logs(which.workflow_id, agent_of(which.agent_id), which.action_id, lines)
        return telemetry_pb2.TelemetryReply()

    async def heartbeat(self, request: telemetry_pb2.HeartbeatRequest) -> Message:
        """osie.v1.Telemetry/Heartbeat."""
        which = request.action
        stop, why = await self._agents.heartbeat(which.workflow_id, agent_of(which.agent_id), which.action_id)
        return telemetry_pb2.HeartbeatReply(stop=stop, why=why)


def _handlers(agents: Dispatch, hold_s: float) -> "tuple[grpc.GenericRpcHandler[Any, Any], ...]":
    services, limiter = Services(agents), agents.limiter
    long_poll = LongPoll(limiter, agents.notifier, agents.names, hold_s)
    workflow = {
        "GetAction": unary(long_poll, services.get_action, tink_pb2.ActionRequest),
        "ReportActionStatus": unary(limiter, services.report_action_status, tink_pb2.ActionStatusRequest),
    }
    telemetry = {
        "ReportProgress": unary(limiter, services.report_progress, telemetry_pb2.ProgressReport),
        "ReportLogs": unary(limiter, services.report_logs, telemetry_pb2.LogReport),
        "Heartbeat": unary(limiter, services.heartbeat, telemetry_pb2.HeartbeatRequest),
    }
    return (
        grpc.method_handlers_generic_handler("proto.WorkflowService", workflow),
        grpc.method_handlers_generic_handler("osie.v1.Telemetry", telemetry),
    )


@asynccontextmanager
async def serve(agents: Dispatch, listen: str, *, hold_s: float = 0.0) -> AsyncIterator[int]:
    """Serve on `listen` ("HOST:PORT"; port 0: any) within the block; yields the port. Raises OsieError.

    A question for which there is no action is held for up to `hold_s` seconds.
    """
    async with listening(_handlers(agents, hold_s), listen) as port:
        yield port
